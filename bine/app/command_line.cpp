#include "bine/app/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bine/base/text.h"

namespace bine::app {

namespace {

// What CLI11 found out about one command.
struct Parsed {
    const Command* command = nullptr;
    CLI::App* app = nullptr;
    bool help = false;
    std::vector<std::string> positional;
    std::vector<std::vector<std::string>> values;  // one entry for each option
    std::vector<CLI::Option*> switches;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
        }
    }
    return row.back();
}

// The candidate that `word` may be a slip of; empty when it is none.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view best;
    std::size_t least = 3;
    for (const std::string_view candidate : candidates) {
        const std::size_t distance = edit_distance(word.substr(0, 64), candidate);
        if (distance < least && distance < candidate.size()) {
            least = distance;
            best = candidate;
        }
    }
    return best;
}

Error unknown(std::string_view where, std::string_view kind, std::string_view word,
              std::span<const std::string_view> candidates) {
    std::string text(where);
    ((((text += ": there is no ") += kind) += " \"") += escape(word)) += '"';
    const std::string_view meant = closest(word, candidates);
    if (!meant.empty()) ((text += "; did you mean \"") += meant) += "\"?";
    if (meant.empty()) text += where == "bine" ? "; `bine` shows what there is" : "";
    return Error(Errc::invalid_argument, text);
}

Error unknown_command(std::string_view word) {
    std::vector<std::string_view> names;
    for (const Command& command : commands()) names.push_back(command.name);
    return unknown("bine", "command", word, names);
}

Error unknown_option(const Command& command, std::string_view word) {
    std::vector<std::string_view> names{"--help"};
    for (const Option* option : command.options) names.push_back(option->name());
    const std::string where = "bine " + std::string(command.name);
    Error error = unknown(where, "option", word.substr(0, word.find('=')), names);
    if (!closest(word, names).empty()) return error;
    return Error(Errc::invalid_argument, error.text() + "; `bine help " + std::string(command.name) + "` lists them");
}

void describe(CLI::App& app, const Command& command, Parsed& parsed) {
    parsed.command = &command;
    parsed.app = app.add_subcommand(std::string(command.name));
    parsed.app->set_help_flag();
    parsed.app->add_flag("-h,--help", parsed.help);
    if (!command.argument.empty()) parsed.app->add_option("ARGUMENT", parsed.positional);
    parsed.values.resize(command.options.size());
    for (std::size_t i = 0; i < command.options.size(); ++i) {
        const std::string flags(command.options[i]->flags);
        if (command.options[i]->is_switch()) {
            parsed.switches.push_back(parsed.app->add_flag(flags));
        } else {
            parsed.app->add_option(flags, parsed.values[i])->allow_extra_args(false)->take_all();
            parsed.switches.push_back(nullptr);
        }
    }
}

// What was given for the option: a switch that is there says yes, `--quiet=no` says no.
std::vector<std::string> values_of(const Parsed& parsed, std::size_t i) {
    const CLI::Option* option = parsed.switches[i];
    if (!option) return parsed.values[i];
    if (option->count() == 0) return {};
    return {option->results().back()};
}

Error one_too_many(const Command& command, std::string_view word) {
    return Error(Errc::invalid_argument,
                 "bine " + std::string(command.name) + ": \"" + escape(word) + "\" is one argument too many");
}

Result<> check_get(const Settings& settings) {
    if (!settings.argument) return fail(Errc::invalid_argument, "a URL is missing, such as http://127.0.0.1:8080/");
    return check(settings.get);
}

Result<> check_keys(const Settings& settings) {
    if (settings.keys.empty() || settings.keys.size() == settings.certificates.size()) return {};
    return fail(Errc::invalid_argument, "--key is given " + std::to_string(settings.keys.size()) +
                                            " times and --certificate " + std::to_string(settings.certificates.size()) +
                                            "; each certificate has one key, or each file holds its own");
}

Result<Settings> settle(const Parsed& parsed, Environment& environment) {
    if (parsed.positional.size() > 1) return fail(one_too_many(*parsed.command, parsed.positional[1]));
    Settings settings;
    settings.command = parsed.command;
    settings.help = parsed.help;
    if (!parsed.positional.empty()) settings.argument = parsed.positional.front();
    if (settings.help) return settings;
    const std::string where = "bine " + std::string(parsed.command->name);
    for (std::size_t i = 0; i < parsed.command->options.size(); ++i) {
        const Option& option = *parsed.command->options[i];
        const auto applied = apply(settings, option, choose_source(option, values_of(parsed, i), environment));
        if (!applied) return fail(applied.error().with_context(where));
    }
    if (const auto paired = check_keys(settings); !paired) return fail(paired.error().with_context(where));
    if (settings.command->name == "get") {
        if (const auto checked = check_get(settings); !checked) return fail(checked.error().with_context(where));
    }
    if (settings.listen.empty() && parsed.command->serves()) settings.listen.emplace_back(parsed.command->endpoint);
    return settings;
}

// The words that stand before any command: none, or what asks for help or the version.
Result<const Command*> choose_command(std::span<const char* const> arguments) {
    const std::string_view first = arguments.front();
    if (first == "-h" || first == "--help") return find_command("help");
    if (first == "-V" || first == "--version") return find_command("version");
    const Command* command = find_command(first);
    if (!command) return fail(unknown_command(first));
    return command;
}

}  // namespace

Result<Settings> parse_command_line(std::span<const char* const> arguments, Environment environment) {
    if (arguments.empty()) return Settings();
    const auto command = choose_command(arguments);
    if (!command) return fail(command.error());

    CLI::App app;
    app.set_help_flag();
    Parsed parsed;
    describe(app, **command, parsed);
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());
    words.back() = (*command)->name;
    try {
        app.parse(std::move(words));
    } catch (const CLI::ExtrasError&) {
        const std::vector<std::string> extras = app.remaining(true);
        const std::string word = extras.empty() ? std::string() : extras.front();
        if (word.starts_with('-')) return fail(unknown_option(**command, word));
        return fail(one_too_many(**command, word));
    } catch (const CLI::ParseError& error) {
        return fail(Errc::invalid_argument, "bine " + std::string((*command)->name) + ": " + error.what());
    }
    return settle(parsed, environment);
}

}  // namespace bine::app
