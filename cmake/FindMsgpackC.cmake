# SPDX-License-Identifier: MPL-2.0
# Finds msgpack-c, the C library, under any of the names that it has had: the library is msgpackc
# before version 6 and msgpack-c since, its pkg-config file msgpack, msgpackc or msgpack-c.
# A library called just "msgpack" is not looked for: that was the old C++ one.
#
#   MsgpackC::MsgpackC   the target to link with
#   MsgpackC_VERSION     its version
#   MsgpackC_LINK_NAME   what follows -l

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_search_module(MsgpackC_HINT QUIET msgpack-c msgpackc msgpack)
endif()

find_path(MsgpackC_INCLUDE_DIR NAMES msgpack/pack.h HINTS ${MsgpackC_HINT_INCLUDE_DIRS})
find_library(MsgpackC_LIBRARY NAMES msgpack-c msgpackc HINTS ${MsgpackC_HINT_LIBRARY_DIRS})
mark_as_advanced(MsgpackC_INCLUDE_DIR MsgpackC_LIBRARY)

if(MsgpackC_INCLUDE_DIR AND EXISTS "${MsgpackC_INCLUDE_DIR}/msgpack/version_master.h")
  file(STRINGS "${MsgpackC_INCLUDE_DIR}/msgpack/version_master.h" MsgpackC_lines
       REGEX "^#define MSGPACK_VERSION_(MAJOR|MINOR|REVISION)[ \t]+[0-9]+")
  string(REGEX REPLACE "[^0-9;]" "" MsgpackC_lines "${MsgpackC_lines}")
  list(JOIN MsgpackC_lines "." MsgpackC_VERSION)
  unset(MsgpackC_lines)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MsgpackC
  REQUIRED_VARS MsgpackC_LIBRARY MsgpackC_INCLUDE_DIR VERSION_VAR MsgpackC_VERSION
  REASON_FAILURE_MESSAGE "install libmsgpack-c-dev, or libmsgpack-dev on Debian 12")

if(MsgpackC_FOUND)
  get_filename_component(MsgpackC_LINK_NAME "${MsgpackC_LIBRARY}" NAME_WE)
  string(REGEX REPLACE "^lib" "" MsgpackC_LINK_NAME "${MsgpackC_LINK_NAME}")
  if(NOT TARGET MsgpackC::MsgpackC)
    add_library(MsgpackC::MsgpackC UNKNOWN IMPORTED)
    set_target_properties(MsgpackC::MsgpackC PROPERTIES
      IMPORTED_LOCATION "${MsgpackC_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${MsgpackC_INCLUDE_DIR}")
  endif()
endif()
