# Libraries out of layers.txt: bine::net out of the folder bine/net, and so on.

# Calls bine_layer for every `layer` line of the file, which knows private_headers by then.
function(bine_layers file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
    file(STRINGS ${file} lines REGEX "^private ")
    set(private_headers "")
    foreach(line IN LISTS lines)
        string(REGEX REPLACE "^private +" "${PROJECT_SOURCE_DIR}/" pattern ${line})
        file(GLOB found CONFIGURE_DEPENDS ${pattern})
        list(APPEND private_headers ${found})
    endforeach()
    file(STRINGS ${file} lines REGEX "^layer ")
    foreach(line IN LISTS lines)
        separate_arguments(words UNIX_COMMAND ${line})
        list(POP_FRONT words)
        bine_layer(${words})
    endforeach()
endfunction()

# bine_layer(net sees reactor tests-see testing). A folder that is empty or missing gives a library without contents,
# so that layers can be written in any order.
function(bine_layer layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "sees;tests-see")
    set(folder ${PROJECT_SOURCE_DIR}/bine/${layer})
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${folder}/*.h)
    list(REMOVE_ITEM headers "" ${private_headers})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_main|/main)\\.cpp$")

    set(visibility PUBLIC)
    if(sources)
        add_library(bine_${layer} STATIC ${sources})
        bine_compile_options(bine_${layer})
    else()
        set(visibility INTERFACE)
        add_library(bine_${layer} INTERFACE)
    endif()
    add_library(bine::${layer} ALIAS bine_${layer})
    set_target_properties(bine_${layer} PROPERTIES EXPORT_NAME ${layer})
    target_compile_features(bine_${layer} ${visibility} cxx_std_23)
    target_sources(bine_${layer} ${visibility}
        FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
    list(TRANSFORM arg_sees PREPEND bine_ OUTPUT_VARIABLE seen)
    target_link_libraries(bine_${layer} ${visibility} ${seen} Threads::Threads)
    if(BINE_DEBUG)
        # Public: a class may hold more members with it.
        target_compile_definitions(bine_${layer} ${visibility} BINE_DEBUG)
    endif()

    set_property(GLOBAL APPEND PROPERTY BINE_LAYERS ${layer})
    set_property(GLOBAL PROPERTY BINE_LAYER_${layer}_SEES "${arg_sees}")
    set_property(GLOBAL PROPERTY BINE_LAYER_${layer}_TESTS_SEE "${arg_tests-see}")
endfunction()

# bine_layer_uses(tls OpenSSL::SSL PKG_CONFIG openssl): what a layer's sources use, and no header of it; by the names that CMake
# and pkg-config know it.
function(bine_layer_uses layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PKG_CONFIG")
    get_target_property(type bine_${layer} TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        return()
    endif()
    target_link_libraries(bine_${layer} PRIVATE ${arg_UNPARSED_ARGUMENTS})
    set_property(GLOBAL PROPERTY BINE_LAYER_${layer}_USES "${arg_UNPARSED_ARGUMENTS}")
    set_property(GLOBAL PROPERTY BINE_LAYER_${layer}_PKG_CONFIG "${arg_PKG_CONFIG}")
endfunction()

# bine_command(bine app): the program out of bine/app/main.cpp.
function(bine_command name layer)
    file(GLOB main CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bine/${layer}/main.cpp)
    if(main)
        add_executable(${name} ${main})
        bine_compile_options(${name})
        target_link_libraries(${name} PRIVATE bine::${layer} ${ARGN})
        bine_whole_program(${name})
    endif()
endfunction()
