# SPDX-License-Identifier: MPL-2.0
# What is installed for those who run broker and worker: the units of systemd, which it finds below /usr and
# /usr/local, and the completion of bash.

foreach(program broker worker)
  set(DPOOL_UNIT_BIN_DIR "${CMAKE_INSTALL_FULL_BINDIR}")
  configure_file(systemd/dpool-${program}.service.in "${PROJECT_BINARY_DIR}/dpool-${program}.service" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/dpool-${program}.service" DESTINATION lib/systemd/system
    COMPONENT ${program})
  install(FILES completions/dpool.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
    RENAME dpool-${program} COMPONENT ${program})
endforeach()
install(FILES completions/dpool.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
  RENAME dpool COMPONENT cli)
