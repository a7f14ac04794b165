# The libraries that layers stand on, all from Debian: also for those who use an installed bine, whose package includes this file.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)  # a project that has bine as a folder links them, too
find_package(Threads)
find_package(OpenSSL 3.0)
find_package(ZLIB)
find_package(PkgConfig)
if(PkgConfig_FOUND)
    pkg_check_modules(brotli IMPORTED_TARGET GLOBAL libbrotlidec libbrotlienc)
    pkg_check_modules(zstd IMPORTED_TARGET GLOBAL libzstd)
    pkg_check_modules(cares IMPORTED_TARGET GLOBAL libcares)
    pkg_check_modules(psl IMPORTED_TARGET GLOBAL libpsl)
endif()
