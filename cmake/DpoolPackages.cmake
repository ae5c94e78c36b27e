# SPDX-License-Identifier: MPL-2.0
# cpack makes a Debian package of each component. What a package has besides, such as its copyright and a
# changelog, debian/complete.cmake adds. ./run packages builds them, and tries them in a fresh Debian.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "${CMAKE_PROJECT_NAME}")
set(CPACK_PACKAGE_CONTACT "dpool maintainers <maintainers@dpool.invalid>" CACHE STRING
  "Who maintains the packages: a name and an address in angle brackets")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL library development broker worker cli)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# dpool_package(<component> <name> <section> <summary> <line>...): what Debian is told of a package.
function(dpool_package component name section summary)
  string(TOUPPER ${component} upper)
  set(prefix CPACK_DEBIAN_${upper})
  set(text "${summary}" "dpool is Python's multiprocessing.Pool for C and C++, on the cores of one"
    "machine or of many." ${ARGN})
  list(JOIN text "\n" text)
  set(${prefix}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(${prefix}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(${prefix}_DESCRIPTION "${text}" PARENT_SCOPE)
endfunction()

# The name follows the library's, so that two releases that do not agree can be installed at once.
get_target_property(soversion dpool SOVERSION)
set(library libdpool${soversion})
set(same_version "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")

dpool_package(library ${library} libs "process pool on one machine or many: the library"
  "This is the shared library that programs and the modules of workers are"
  "linked with.")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/debian/triggers")

dpool_package(development libdpool-dev libdevel "process pool on one machine or many: to build programs"
  "These are the headers, the static library, the files for CMake and"
  "pkg-config, and examples.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${library} ${same_version}, libzmq3-dev (>= 4.3), libmsgpack-c-dev | libmsgpack-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "pkg-config, dpool-broker, dpool-worker")

dpool_package(broker dpool-broker net "process pool on many machines: the broker"
  "The broker stands between the programs that submit work and the workers"
  "that run it.")
set(CPACK_DEBIAN_BROKER_PACKAGE_SUGGESTS dpool)

dpool_package(worker dpool-worker net "process pool on many machines: the worker"
  "A worker runs on each host, and gives its cores to the functions of the"
  "modules that it loads.")
set(CPACK_DEBIAN_WORKER_PACKAGE_DEPENDS "${library} ${same_version}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}") # libdpool, for dpool-worker

dpool_package(cli dpool net "process pool on many machines: the command line"
  "The command shows what a broker and its workers do, calls functions, drains"
  "workers and makes keys.")

# Those with a unit of systemd stop it, and tell systemd when it has gone or is another.
foreach(component broker worker)
  string(TOUPPER ${component} upper)
  set(unit dpool-${component}.service)
  set(scripts)
  foreach(script prerm postrm)
    set(file "${PROJECT_BINARY_DIR}/debian/${component}/${script}")
    configure_file(cmake/debian/${script}.in "${file}" @ONLY)
    list(APPEND scripts "${file}")
  endforeach()
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${scripts}")
endforeach()

# complete.cmake is given the folder of what is staged only: it reads the rest here.
set(CPACK_DPOOL_CHANGELOG "${PROJECT_SOURCE_DIR}/CHANGELOG.md")
set(CPACK_DPOOL_COPYRIGHT "${PROJECT_SOURCE_DIR}/cmake/debian/copyright")
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/debian/complete.cmake")
include(CPack)
