# SPDX-License-Identifier: MPL-2.0
# How the project's own code is compiled, and the functions that make its rooms, library and programs.

# Compile options that every target of ours takes, and that no user of the library sees.
add_library(dpool_build INTERFACE)
target_compile_features(dpool_build INTERFACE c_std_11)
target_compile_definitions(dpool_build INTERFACE _GNU_SOURCE)
target_compile_options(dpool_build INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  $<$<BOOL:${DPOOL_WERROR}>:-Werror>)
target_include_directories(dpool_build INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
if(DPOOL_SANITIZE)
  set(sanitize -fsanitize=${DPOOL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(dpool_build INTERFACE ${sanitize})
  target_link_options(dpool_build INTERFACE ${sanitize})
endif()
if(DPOOL_FUZZ)
  target_compile_options(dpool_build INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(dpool_build INTERFACE -fsanitize=fuzzer-no-link)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(DPOOL_BIN_DIR "${PROJECT_BINARY_DIR}/bin")

# What the rooms call outside of the project.
set(DPOOL_DEPENDENCIES PkgConfig::DPOOL_ZMQ MsgpackC::MsgpackC Threads::Threads ${CMAKE_DL_LIBS} m)

# dpool_room(<folder> [EXCEPT <file>...]): the folder's sources, compiled once. Both libraries, the
# programs and the unit tests are made of these objects; a room without sources yet has no target.
function(dpool_room folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "EXCEPT")
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.c")
  foreach(file IN LISTS arg_EXCEPT)
    list(REMOVE_ITEM sources "${PROJECT_SOURCE_DIR}/${folder}/${file}")
  endforeach()
  dpool_objects(dpool_${folder} ${sources})
endfunction()

# dpool_parts(<target> FOLDER <folder> SOURCES <file>... EXCEPT <file>...): an archive of the sources of a
# program that are not its main, so that tests can be linked with them. Files that are not there are left out.
function(dpool_parts target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "SOURCES;EXCEPT")
  list(REMOVE_ITEM arg_SOURCES ${arg_EXCEPT})
  # The glob only notices files that come and go.
  file(GLOB present CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.c")
  list(TRANSFORM arg_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/${arg_FOLDER}/")
  set(sources "")
  foreach(source IN LISTS arg_SOURCES)
    if(source IN_LIST present)
      list(APPEND sources "${source}")
    endif()
  endforeach()
  if(sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target}
      PRIVATE dpool_build PkgConfig::DPOOL_CZMQ PkgConfig::DPOOL_ZMQ MsgpackC::MsgpackC Threads::Threads)
  endif()
endfunction()

# dpool_find_systemd(): look for libsystemd, as DPOOL_SYSTEMD says.
function(dpool_find_systemd)
  if(NOT DPOOL_SYSTEMD STREQUAL "AUTO" AND NOT DPOOL_SYSTEMD)
    return()
  elseif(DPOOL_SYSTEMD STREQUAL "AUTO")
    pkg_check_modules(DPOOL_LIBSYSTEMD QUIET IMPORTED_TARGET libsystemd)
  else()
    pkg_check_modules(DPOOL_LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
  endif()
endfunction()

# dpool_use_systemd(<archive>): have it use libsystemd, if that was found.
function(dpool_use_systemd target)
  if(TARGET PkgConfig::DPOOL_LIBSYSTEMD)
    target_compile_definitions(${target} PRIVATE DPOOL_HAS_SYSTEMD)
    target_link_libraries(${target} PRIVATE PkgConfig::DPOOL_LIBSYSTEMD)
  endif()
endfunction()

# dpool_objects(<target> <source>...): an object library, unless there are no sources.
function(dpool_objects target)
  if(ARGN)
    add_library(${target} OBJECT ${ARGN})
    target_link_libraries(${target}
      PRIVATE dpool_build PkgConfig::DPOOL_ZMQ MsgpackC::MsgpackC Threads::Threads)
  endif()
endfunction()

# dpool_add_objects(<target> <object library>...): put the objects of those that exist into the target.
function(dpool_add_objects target)
  foreach(objects IN LISTS ARGN)
    if(TARGET ${objects})
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    endif()
  endforeach()
endfunction()

# dpool_link_parts(<target> <archive>...): link those that exist.
function(dpool_link_parts target)
  foreach(parts IN LISTS ARGN)
    if(TARGET ${parts})
      target_link_libraries(${target} PRIVATE ${parts})
    endif()
  endforeach()
endfunction()

# dpool_add_joined(<target> <object library>...): put the objects into the target as one, which offers only
# what a shared library would: else the names inside clash with those of the programs that link the archive.
function(dpool_add_joined target)
  list(TRANSFORM ARGN REPLACE "^(.+)$" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
  set(joined "${PROJECT_BINARY_DIR}/${target}.o")
  add_custom_command(OUTPUT "${joined}"
    COMMAND "${CMAKE_LINKER}" -r -o "${joined}" ${objects}
    COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${joined}"
    DEPENDS ${objects} COMMAND_EXPAND_LISTS VERBATIM)
  target_sources(${target} PRIVATE "${joined}")
  add_dependencies(${target} ${ARGN}) # make knows of no objects of other targets
endfunction()

# dpool_library(<target> SHARED|STATIC|INSIDE): libdpool, of all rooms. INSIDE is an archive for the tests,
# from which they can take what libdpool hides.
function(dpool_library target kind)
  set(rooms dpool_core dpool_net dpool_broker dpool_worker dpool_client)
  string(REPLACE INSIDE STATIC linkage ${kind})
  # CMake wants a source even where all code comes as objects.
  add_library(${target} ${linkage} "${PROJECT_SOURCE_DIR}/cmake/empty.c")
  if(kind STREQUAL "STATIC")
    dpool_add_joined(${target} ${rooms})
  else()
    dpool_add_objects(${target} ${rooms})
  endif()
  if(NOT kind STREQUAL "INSIDE")
    set_target_properties(${target} PROPERTIES OUTPUT_NAME dpool EXPORT_NAME ${target})
  endif()
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:dpool_build> ${DPOOL_DEPENDENCIES})
  if(kind STREQUAL "SHARED")
    # While the version is 0.x any minor release may change the interface.
    set_target_properties(${target} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    if(NOT DPOOL_SANITIZE)
      # Nothing may be missing: so a room that calls czmq, or a function that nobody wrote, is seen here.
      target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
    # A name server that does not answer may keep a thread of ours longer than its program keeps us: dlclose
    # must not take the code away from under it.
    target_link_options(${target} PRIVATE LINKER:-z,nodelete)
  endif()
endfunction()

# dpool_program(<target> SOURCES <file>... [NAME <name>] [LINK <target>...] [PARTS <target>...]
#               [ROOMS <folder>...])
# A program, linked with libraries or made of the rooms' objects. Left out while its sources are missing.
function(dpool_program target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NAME" "SOURCES;LINK;PARTS;ROOMS")
  list(TRANSFORM arg_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/")
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(folder "${source}" DIRECTORY)
    file(GLOB present CONFIGURE_DEPENDS "${folder}/*.c")
    if(NOT source IN_LIST present)
      return()
    endif()
  endforeach()
  add_executable(${target} ${arg_SOURCES})
  if(arg_NAME)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${arg_NAME})
  endif()
  list(TRANSFORM arg_ROOMS PREPEND dpool_)
  dpool_add_objects(${target} ${arg_ROOMS})
  target_link_libraries(${target} PRIVATE dpool_build ${arg_LINK})
  dpool_link_parts(${target} ${arg_PARTS})
  if(arg_ROOMS)
    target_link_libraries(${target} PRIVATE PkgConfig::DPOOL_CZMQ ${DPOOL_DEPENDENCIES})
    # A module that it loads finds this libdpool, not a second one.
    set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
  endif()
  file(RELATIVE_PATH to_libraries "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${DPOOL_BIN_DIR}" INSTALL_RPATH "$ORIGIN/${to_libraries}")
  set_property(GLOBAL APPEND PROPERTY DPOOL_PROGRAMS ${target})
endfunction()

# dpool_module(<target> <name> <folder> <source>...): a shared module lib<name>.so that a worker can load.
function(dpool_module target name folder)
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE dpool_build dpool)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY "${folder}")
endfunction()
