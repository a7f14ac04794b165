# Faster builds with what the machine has: ccache, mold (gcc) or lld (clang).
if(PROJECT_IS_TOP_LEVEL)
    find_program(BINE_CCACHE ccache)
    if(BINE_CCACHE)
        foreach(language IN ITEMS C CXX)
            if(NOT CMAKE_${language}_COMPILER_LAUNCHER)
                # Clones and build folders of one machine share what they compile.
                set(CMAKE_${language}_COMPILER_LAUNCHER
                    env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${BINE_CCACHE})
            endif()
        endforeach()
    endif()

    include(CheckLinkerFlag)
    foreach(linker IN ITEMS mold lld)
        check_linker_flag(CXX -fuse-ld=${linker} BINE_HAS_${linker})
        if(BINE_HAS_${linker})
            add_link_options(-fuse-ld=${linker})
            break()
        endif()
    endforeach()
endif()
