# SPDX-License-Identifier: MPL-2.0
# cpack runs this between staging and packing: each package gets what Debian wants of all of them. Manual
# pages are compressed, the documents go to a folder of the package's name, copyright and changelog to them.
find_program(gzip gzip REQUIRED)
file(TIMESTAMP "${CPACK_DPOOL_CHANGELOG}" date "%a, %d %b %Y %H:%M:%S +0000" UTC)

# compress(<file>...): without a name and a time inside, so that the same input gives the same package.
function(compress)
  execute_process(COMMAND "${gzip}" -9 --no-name ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(share "${CPACK_TEMPORARY_DIRECTORY}/${component}/usr/share")

  file(GLOB_RECURSE pages "${share}/man/*.[1-8]")
  if(pages)
    compress(${pages})
  endif()

  set(documents "${share}/doc/${package}")
  if(EXISTS "${share}/doc/dpool" AND NOT package STREQUAL "dpool")
    file(RENAME "${share}/doc/dpool" "${documents}")
  endif()
  file(MAKE_DIRECTORY "${documents}")
  configure_file("${CPACK_DPOOL_COPYRIGHT}" "${documents}/copyright" COPYONLY)
  configure_file("${CPACK_DPOOL_CHANGELOG}" "${documents}/changelog" COPYONLY)
  file(WRITE "${documents}/changelog.Debian"
    "dpool (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
    "  * As it was built by cpack; changelog.gz tells what is new.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  compress("${documents}/changelog" "${documents}/changelog.Debian")
endforeach()
