#include "bine/app/program.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "bine/app/command_line.h"
#include "bine/app/console.h"
#include "bine/app/echo.h"
#include "bine/app/environment.h"
#include "bine/app/exit_code.h"
#include "bine/app/get.h"
#include "bine/app/help.h"
#include "bine/app/serve.h"
#include "bine/base/text.h"
#include "bine/base/version.h"

namespace bine::app {

namespace {

ExitCode print(const std::string& text) {
    if (write_all(STDOUT_FILENO, text)) return ExitCode::ok;
    // Whoever closed the pipe has read enough.
    if (errno == EPIPE) return ExitCode::failure;
    return complain(std::string("bine: standard output: ") + std::strerror(errno), ExitCode::failure);
}

ExitCode explain(const std::string& topic, bool colour) {
    const Command* command = find_command(topic);
    if (command) return print(help_page(*command, colour));
    return complain("bine help: there is no command \"" + escape(topic) + "\"; `bine` shows what there is",
                    ExitCode::usage);
}

ExitCode run(const Settings& settings) {
    const bool colour = choose_log_style(LogFormat::text, STDOUT_FILENO).colour;
    if (!settings.command) return print(welcome_screen(colour));
    const std::string_view name = settings.command->name;
    if (settings.help) return explain(std::string(name), colour);
    if (name == "help") return settings.argument ? explain(*settings.argument, colour) : print(welcome_screen(colour));
    if (name == "version") return print("bine " + std::string(version()) + "\n");
    if (name == "env") return print(describe_environment(settings));
    if (name == "serve") return serve(settings);
    if (name == "get") return get(settings);
    return run_service(settings, [](Reactor&) { return make_echo_service(); });
}

}  // namespace

int run_program(int argc, char** argv) {
    fill_standard_descriptors();
    ::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    ExitCode code = ExitCode::failure;
    try {
        const std::span<const char* const> arguments(argv + (argc > 0 ? 1 : 0),
                                                     static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
        const auto settings =
            parse_command_line(arguments, [](std::string_view name) { return std::getenv(std::string(name).c_str()); });
        code = settings ? run(*settings) : complain(settings.error().text(), ExitCode::usage);
    } catch (const std::exception& error) {
        code = complain(std::string("bine: ") + error.what(), ExitCode::failure);
    }
    return static_cast<int>(code);
}

}  // namespace bine::app
