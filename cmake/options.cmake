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

# Objects hold both: what the programs that matter are optimized from as a whole, and code for all others, which are linked as
# quickly as ever. Installed libraries hold the code alone (install.cmake).
if(BINE_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-flto=auto> $<$<COMPILE_LANGUAGE:CXX>:-ffat-lto-objects>)
    add_link_options($<IF:$<BOOL:$<TARGET_PROPERTY:BINE_WHOLE_PROGRAM>>,-flto=auto,-fno-lto>)
    # Across files gcc 12 sees strings outgrow their small buffers, which their size forbids.
    add_link_options($<$<BOOL:$<TARGET_PROPERTY:BINE_WHOLE_PROGRAM>>:-Wno-stringop-overflow>)
endif()

# A program for whose speed it is worth to link slowly.
function(bine_whole_program target)
    set_target_properties(${target} PROPERTIES BINE_WHOLE_PROGRAM ON)
endfunction()

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
