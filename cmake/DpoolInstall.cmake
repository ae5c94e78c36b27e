# SPDX-License-Identifier: MPL-2.0
# What is installed: headers, both libraries, programs, manual pages, documents, samples of settings, and the
# files by which CMake and pkg-config find them again. Each belongs to a component, which DpoolPackages makes
# a package of: library, development, broker, worker, cli.
include(CMakePackageConfigHelpers)

set(config_folder "${CMAKE_INSTALL_LIBDIR}/cmake/dpool")

install(DIRECTORY include/dpool DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
  FILES_MATCHING PATTERN "*.h")
install(TARGETS dpool dpool_static EXPORT dpool-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library NAMELINK_COMPONENT development
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)

# dpool_component_of(<result> <file or target>): a program's component, and that of its manual pages.
function(dpool_component_of result file)
  get_filename_component(name "${file}" NAME)
  if(name MATCHES "^dpool-(broker|worker)")
    set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
  else()
    set(${result} cli PARENT_SCOPE)
  endif()
endfunction()

get_property(programs GLOBAL PROPERTY DPOOL_PROGRAMS)
foreach(program IN LISTS programs)
  dpool_component_of(component ${program})
  install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT ${component})
endforeach()

foreach(section 1 3 5 7)
  file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/man/*.${section}")
  foreach(page IN LISTS pages)
    dpool_component_of(component "${page}")
    install(FILES "${page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}" COMPONENT ${component})
  endforeach()
endforeach()
foreach(program broker worker)
  install(FILES docs/dpool-${program}.conf DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT ${program})
endforeach()
# The images of containers are built without these. Keys that somebody made in a recipe's folder stay there.
file(GLOB documents CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/*.md")
install(FILES ${documents} DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT cli)
install(DIRECTORY docs/recipes DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT cli OPTIONAL
  FILES_MATCHING PATTERN "*.md" PATTERN "*.yaml" PATTERN "*.sbatch" PATTERN keys EXCLUDE)
install(DIRECTORY examples DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development
  FILES_MATCHING PATTERN "*.c" PATTERN "README.md")

# find_package(dpool): dpool::dpool is the shared library, dpool::dpool_static the static one.
install(EXPORT dpool-targets NAMESPACE dpool:: DESTINATION "${config_folder}" COMPONENT development)
configure_package_config_file(cmake/dpool-config.cmake.in "${PROJECT_BINARY_DIR}/dpool-config.cmake"
  INSTALL_DESTINATION "${config_folder}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/dpool-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/dpool-config.cmake" "${PROJECT_BINARY_DIR}/dpool-config-version.cmake"
  cmake/FindMsgpackC.cmake
  DESTINATION "${config_folder}" COMPONENT development)

# pkg-config: the prefix follows from where the file lies, so that the tree can be moved or installed
# under another prefix than it was configured for.
file(RELATIVE_PATH prefix_from_here "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" prefix_from_here "${prefix_from_here}")
configure_file(cmake/dpool.pc.in "${PROJECT_BINARY_DIR}/dpool.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/dpool.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT development)
