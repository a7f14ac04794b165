# The Python package: bine/python as an extension module for each interpreter asked for, and python/bine beside it, in
# build/<preset>/python/bine. PYTHONPATH=build/<preset>/python makes it importable.

set(BINE_PYTHON_INTERPRETERS "" CACHE STRING "The Pythons to build the extension for: paths of interpreters")
if(Python_EXECUTABLE AND NOT BINE_PYTHON_INTERPRETERS)
    set(BINE_PYTHON_INTERPRETERS ${Python_EXECUTABLE})
elseif(NOT BINE_PYTHON_INTERPRETERS)
    find_program(BINE_SYSTEM_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
    find_program(BINE_SYSTEM_PYTHON NAMES python3 REQUIRED)
    set(BINE_PYTHON_INTERPRETERS ${BINE_SYSTEM_PYTHON})
endif()

set(package ${CMAKE_BINARY_DIR}/python/bine)
file(GLOB_RECURSE extension_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bine/python/*.cpp)
file(GLOB_RECURSE package_files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/python
    ${PROJECT_SOURCE_DIR}/python/*.py ${PROJECT_SOURCE_DIR}/python/*.pyi ${PROJECT_SOURCE_DIR}/python/bine/py.typed)
foreach(file IN LISTS package_files)
    cmake_path(GET file PARENT_PATH folder)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/python/${folder})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/python/${file} ${CMAKE_BINARY_DIR}/python/${file} SYMBOLIC)
endforeach()

# The simulated world without what is for C++ programs: exploring, and the functions that keep them from the real world.
file(GLOB sim_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bine/sim/*.cpp)
list(FILTER sim_sources EXCLUDE REGEX "(_test|/forbidden|/explore|/exploration)\\.cpp$")
add_library(bine_python_sim STATIC ${sim_sources})
bine_compile_options(bine_python_sim)
target_link_libraries(bine_python_sim PUBLIC bine::net)

add_custom_target(bine_python)
foreach(interpreter IN LISTS BINE_PYTHON_INTERPRETERS)
    execute_process(
        COMMAND ${interpreter} -c "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'), sep=';', end='')"
        OUTPUT_VARIABLE facts COMMAND_ERROR_IS_FATAL ANY)
    list(GET facts 0 include)
    list(GET facts 1 suffix)
    if(NOT EXISTS ${include}/Python.h)
        message(FATAL_ERROR "${interpreter} has no header files (${include}/Python.h); install python3-dev, or another interpreter")
    endif()
    string(REGEX REPLACE "^\\.|\\.so$" "" name ${suffix})
    set(target bine_python_${name})
    add_library(${target} MODULE ${extension_sources})
    bine_compile_options(${target})
    # Python's headers are C, with casts that are not ours.
    target_include_directories(${target} SYSTEM PRIVATE ${include})
    target_link_libraries(${target} PRIVATE bine::client bine_python_sim)
    set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME _bine SUFFIX ${suffix}
        LIBRARY_OUTPUT_DIRECTORY ${package} CXX_VISIBILITY_PRESET hidden)
    # Of the libraries inside only the module's entry is to be seen.
    target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
    bine_whole_program(${target})
    add_dependencies(bine_python ${target})
    install(TARGETS ${target} LIBRARY DESTINATION bine COMPONENT python EXCLUDE_FROM_ALL)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/ DESTINATION . COMPONENT python EXCLUDE_FROM_ALL
    FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
