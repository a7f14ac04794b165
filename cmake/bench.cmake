# Every bench/<name>.{c,cpp} is a program of its own.
file(GLOB programs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.cpp ${PROJECT_SOURCE_DIR}/bench/*.c)
foreach(source IN LISTS programs)
    cmake_path(GET source STEM name)
    add_executable(bench_${name} ${source})
    set_target_properties(bench_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
    target_include_directories(bench_${name} PRIVATE ${PROJECT_SOURCE_DIR})
    bine_compile_options(bench_${name})
    cmake_path(GET source EXTENSION LAST_ONLY extension)
    if(extension STREQUAL ".cpp")
        target_link_libraries(bench_${name} PRIVATE bine::endpoints bine::http)
        if(name MATCHES "^bine_")
            bine_whole_program(bench_${name})
        endif()
        if(name STREQUAL "bine_https")
            target_link_libraries(bench_${name} PRIVATE bine::tls)
        elseif(name STREQUAL "bine_client")
            target_link_libraries(bench_${name} PRIVATE bine::client)
        elseif(name STREQUAL "load")
            target_link_libraries(bench_${name} PRIVATE OpenSSL::SSL)
        endif()
    else()
        set_target_properties(bench_${name} PROPERTIES C_STANDARD 17 C_EXTENSIONS ON)
        target_compile_definitions(bench_${name} PRIVATE _GNU_SOURCE)
        target_link_libraries(bench_${name} PRIVATE Threads::Threads)
    endif()
endforeach()

if(BINE_TESTS AND NOT BINE_SANITIZE)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    # Not about speed: that servers, loads and harness do what they say.
    add_test(NAME bench/harness COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/harness_test.py ${PROJECT_BINARY_DIR})
    set_tests_properties(bench/harness PROPERTIES LABELS "bench" TIMEOUT 240)
endif()

# That parsers are linear in their input does not depend on the machine, so it is a test like others. Debian's valgrind cannot
# read what clang 19 writes for debuggers.
find_program(BINE_VALGRIND valgrind)
if(BINE_TESTS AND BINE_VALGRIND AND NOT BINE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_test(NAME bench/linear
        COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/bench/run linear --no-build --build-dir ${PROJECT_BINARY_DIR})
    set_tests_properties(bench/linear PROPERTIES LABELS "bench" TIMEOUT 240)
endif()
