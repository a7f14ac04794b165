# Every examples/<name>.cpp and examples/slides/<name>.cpp is a program of its own.
# A program that has <name>.expected beside it is run by the tests and must print exactly that; one that has
# <name>_test.py is run by that script, which gets the program's path.
file(GLOB programs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.cpp ${PROJECT_SOURCE_DIR}/examples/slides/*.cpp)
file(GLOB expectations CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/examples/*.expected ${PROJECT_SOURCE_DIR}/examples/slides/*.expected
    ${PROJECT_SOURCE_DIR}/examples/*_test.py ${PROJECT_SOURCE_DIR}/examples/slides/*_test.py)
foreach(source IN LISTS programs)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/examples OUTPUT_VARIABLE name)
    string(REPLACE ".cpp" "" name ${name})
    string(REPLACE "/" "_" target "example_${name}")
    add_executable(${target} ${source})
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    bine_compile_options(${target})
    target_link_libraries(${target} PRIVATE bine::endpoints bine::names bine::http bine::client bine::testing)

    cmake_path(REPLACE_EXTENSION source LAST_ONLY expected OUTPUT_VARIABLE expected)
    string(REPLACE ".cpp" "_test.py" script ${source})
    if(BINE_TESTS AND expected IN_LIST expectations)
        add_test(NAME example/${name}
            COMMAND ${PROJECT_SOURCE_DIR}/tools/expect_output.py ${expected} $<TARGET_FILE:${target}>)
    elseif(BINE_TESTS AND script IN_LIST expectations)
        add_test(NAME example/${name} COMMAND python3 ${script} $<TARGET_FILE:${target}>)
    else()
        continue()
    endif()
    set_tests_properties(example/${name} PROPERTIES LABELS example TIMEOUT 60)
endforeach()

# examples/kv: a library of a user's own, the program that serves it, and the one that plays it in simulated worlds.
set(kv ${PROJECT_SOURCE_DIR}/examples/kv)
add_library(example_kv STATIC ${kv}/store.cpp ${kv}/server.cpp ${kv}/client.cpp)
bine_compile_options(example_kv)
target_link_libraries(example_kv PUBLIC bine::endpoints)
foreach(name kv_server kv_sim)
    add_executable(example_${name} ${kv}/${name}.cpp)
    set_target_properties(example_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
    bine_compile_options(example_${name})
    target_link_libraries(example_${name} PRIVATE example_kv)
endforeach()
target_link_libraries(example_kv_sim PRIVATE bine::sim bine::testing)
set_target_properties(example_kv_sim PROPERTIES ENABLE_EXPORTS ON)
if(BINE_TESTS)
    add_test(NAME example/kv_server COMMAND python3 ${kv}/kv_server_test.py $<TARGET_FILE:example_kv_server>)
    add_test(NAME example/kv_sim COMMAND example_kv_sim --seeds 300)
    set_tests_properties(example/kv_server example/kv_sim PROPERTIES LABELS example TIMEOUT 240)
endif()

# examples/testing: tests as a user writes them, with doctest and without.
if(BINE_TESTS)
    set(testing ${PROJECT_SOURCE_DIR}/examples/testing)
    add_executable(example_testing ${testing}/clock_test.cpp ${testing}/protocols_test.cpp ${testing}/words_test.cpp
        ${testing}/fetching_test.cpp)
    add_executable(example_without_framework ${testing}/without_framework.cpp)
    foreach(target example_testing example_without_framework)
        bine_compile_options(${target})
        target_link_libraries(${target} PRIVATE bine::testing)
        string(REPLACE "example_" "" name ${target})
        add_test(NAME example/${name} COMMAND ${target})
        set_tests_properties(example/${name} PROPERTIES LABELS example TIMEOUT 60)
    endforeach()
    target_link_libraries(example_testing PRIVATE bine::client bine_doctest)
endif()
