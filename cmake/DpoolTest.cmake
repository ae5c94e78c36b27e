# SPDX-License-Identifier: MPL-2.0
# dpool_tests(<folder> <label> WITH <what> [TIMEOUT <seconds>]) makes a ctest of every *_test.c in
# tests/<folder>; what else lies there is linked with each of them.
#
#   tests/unit/wire_test.c              test unit.wire, label unit
#   tests/integration/soak_slow_test.c  test integration.soak_slow, labels integration and slow
#
# dpool_test(<name> <label> <source>... WITH <what> [TIMEOUT <seconds>] [LINK <target>...]) makes one.
# WITH says how it is linked with dpool:
#   ARCHIVE  an archive of libdpool: the test reaches what libdpool hides and takes only what it uses
#   OBJECTS  all objects of the rooms: the same, and modules that the test loads find everything in it
#   SHARED   the shared libdpool, as a user would

set(DPOOL_MODULE_DIR "${PROJECT_BINARY_DIR}/modules")

# What a sanitizer must know, in every test's environment.
set(support "${PROJECT_SOURCE_DIR}/tests/support")
set(dpool_test_environment
  "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
  "LSAN_OPTIONS=suppressions=${support}/lsan.supp:print_suppressions=0"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
  "TSAN_OPTIONS=suppressions=${support}/tsan.supp:halt_on_error=1:second_deadlock_stack=1")

# dpool_test_properties(<test> <seconds> <label>...): the properties that all tests have.
function(dpool_test_properties test seconds)
  math(EXPR seconds "${seconds} * ${DPOOL_TEST_TIMEOUT_FACTOR}")
  set_tests_properties(${test} PROPERTIES
    LABELS "${ARGN}" TIMEOUT ${seconds} ENVIRONMENT "${dpool_test_environment}")
endfunction()

# dpool_test_definitions(<target>): tell it where the programs and the modules are.
function(dpool_test_definitions target)
  target_compile_definitions(${target} PRIVATE
    "DPOOL_BIN_DIR=\"${DPOOL_BIN_DIR}\"" "DPOOL_MODULE_DIR=\"${DPOOL_MODULE_DIR}\"")
endfunction()

function(dpool_test name label)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "WITH;TIMEOUT" "LINK")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 30)
  endif()
  set(target test_${label}_${name})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE dpool_build ${arg_LINK} dpool_test_support PkgConfig::DPOOL_CMOCKA)
  dpool_test_definitions(${target})
  if(arg_WITH STREQUAL "SHARED")
    target_link_libraries(${target} PRIVATE dpool)
  else()
    dpool_link_parts(${target} dpool_broker_parts dpool_cli_parts dpool_service_parts)
    if(arg_WITH STREQUAL "OBJECTS")
      dpool_add_objects(${target} dpool_core dpool_net dpool_broker dpool_worker dpool_client)
      set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
    else()
      target_link_libraries(${target} PRIVATE dpool_inside)
    endif()
  endif()
  target_link_libraries(${target} PRIVATE PkgConfig::DPOOL_CZMQ ${DPOOL_DEPENDENCIES})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/${label}")

  add_test(NAME ${label}.${name} COMMAND ${DPOOL_TEST_WRAPPER} $<TARGET_FILE:${target}>)
  set(labels ${label})
  if(name MATCHES "_slow$")
    list(APPEND labels slow)
    set(arg_TIMEOUT 1200)
  endif()
  dpool_test_properties(${label}.${name} ${arg_TIMEOUT} ${labels})
  if(label MATCHES "^(integration|conformance)$")
    # These start processes and look at the time: not too many at once. They take longest, and so begin first.
    set_tests_properties(${label}.${name} PROPERTIES PROCESSORS 2 COST 5)
  endif()
endfunction()

function(dpool_tests folder label)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "WITH;TIMEOUT" "")
  file(GLOB helpers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/*.c")
  set(tests ${helpers})
  list(FILTER tests INCLUDE REGEX "_test\\.c$")
  list(FILTER helpers EXCLUDE REGEX "_test\\.c$")
  set(options WITH ${arg_WITH} TIMEOUT ${arg_TIMEOUT})
  if(helpers)
    add_library(dpool_test_${folder} STATIC ${helpers})
    dpool_test_definitions(dpool_test_${folder})
    target_link_libraries(dpool_test_${folder} PRIVATE
      dpool_build PkgConfig::DPOOL_CMOCKA PkgConfig::DPOOL_CZMQ PkgConfig::DPOOL_ZMQ MsgpackC::MsgpackC)
    list(APPEND options LINK dpool_test_${folder})
  endif()
  foreach(source IN LISTS tests)
    get_filename_component(name "${source}" NAME_WE)
    string(REGEX REPLACE "_test$" "" name "${name}")
    dpool_test(${name} ${label} "${source}" ${options})
  endforeach()
endfunction()
