# How bine's own code is compiled: warnings, sanitizers, debug assertions. None of it but BINE_DEBUG reaches users.

if(BINE_FUZZ)
    set(BINE_SANITIZE "fuzzer-no-link,address,undefined")
endif()
if(BINE_SANITIZE)
    add_compile_options(-fsanitize=${BINE_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${BINE_SANITIZE})
    if(BINE_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()

function(bine_compile_options target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # Aggregates of options are meant to be named in part: {.limit = 64}.
        target_compile_options(${target} PRIVATE -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)
    else()
        # gcc 12 sees an overlap in `string = "literal"` that cannot be (its bug 105651), once it optimizes.
        target_compile_options(${target} PRIVATE -Wno-missing-field-initializers -Wno-restrict)
    endif()
    if(BINE_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
endfunction()
