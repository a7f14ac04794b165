# Install and export: find_package(bine COMPONENTS endpoints http) gives bine::endpoints and bine::http;
# pkg-config knows the same as bine-endpoints and bine-http. Both can be moved to another prefix.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bine)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

cmake_path(ABSOLUTE_PATH pkgconfig_dir BASE_DIRECTORY /prefix OUTPUT_VARIABLE from)
file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG ${from} /prefix)

function(bine_install_layer layer)
    install(TARGETS bine_${layer} EXPORT bine
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

    get_property(seen GLOBAL PROPERTY BINE_LAYER_${layer}_SEES)
    list(TRANSFORM seen PREPEND bine- OUTPUT_VARIABLE REQUIRES)
    get_property(others GLOBAL PROPERTY BINE_LAYER_${layer}_PKG_CONFIG)
    list(APPEND REQUIRES ${others})
    list(JOIN REQUIRES " " REQUIRES)
    get_target_property(type bine_${layer} TYPE)
    set(LIBRARY "")
    if(type STREQUAL "STATIC_LIBRARY")
        set(LIBRARY "-lbine_${layer}")
    endif()
    set(DEFINITIONS "")
    if(BINE_DEBUG)
        set(DEFINITIONS "-DBINE_DEBUG")
    endif()
    set(LAYER ${layer})
    configure_file(cmake/layer.pc.in bine-${layer}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/bine-${layer}.pc DESTINATION ${pkgconfig_dir})
endfunction()

get_property(layers GLOBAL PROPERTY BINE_LAYERS)
foreach(layer IN LISTS layers)
    bine_install_layer(${layer})
endforeach()
if(BINE_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # What gcc optimizes from is for this very version of gcc: another one refuses it, or the linker takes long over it.
    install(CODE "
        file(GLOB libraries \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libbine_*.a\")
        execute_process(COMMAND \"${CMAKE_STRIP}\" -D --wildcard -R .gnu.lto_* -R .gnu.debuglto_* -N __gnu_lto_v1
            -N __gnu_lto_slim \${libraries} COMMAND_ERROR_IS_FATAL ANY)")
endif()
if(TARGET bine)
    install(TARGETS bine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(EXPORT bine NAMESPACE bine:: FILE bine-targets.cmake DESTINATION ${package_dir})
install(FILES cmake/dependencies.cmake RENAME bine-dependencies.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/bine-config.cmake.in bine-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(bine-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bine-config.cmake ${PROJECT_BINARY_DIR}/bine-config-version.cmake
    DESTINATION ${package_dir})
