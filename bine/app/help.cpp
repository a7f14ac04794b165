#include "bine/app/help.h"

#include <vector>

#include "bine/base/version.h"

namespace bine::app {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kOptionIndent = 27;

constexpr std::string_view kEndpoints =
    "Endpoints:\n"
    "  tcp:8080                          every IPv4 address of this machine\n"
    "  tcp:8080:interface=127.0.0.1      this machine only; tcp:0... takes any free port\n"
    "  tcp6:8080                         every IPv6 address\n"
    "  unix:/run/app.sock:mode=600       a Unix socket\n"
    "  systemd:index=0                   a socket handed down by systemd\n"
    "  ssl:8443:certKey=cert.pem         TLS with a certificate of its own (:privateKey=key.pem)\n"
    "  haproxy:tcp:8080                  behind a proxy that speaks the PROXY protocol\n";

constexpr std::string_view kStopping =
    "Ctrl-C or SIGTERM stops it: connections may finish within the grace; again stops it at once.\n"
    "SIGHUP reads the certificates again, for new connections.\n"
    "Exit codes: 0 stopped in good order, 1 failure, 2 forced stop, 64 wrong use.\n";

class Page {
public:
    explicit Page(bool colour) : colour_(colour) {}

    Page& put(std::string_view text) {
        text_ += text;
        return *this;
    }
    Page& bold(std::string_view text) { return painted("\x1b[1m", text); }
    Page& dim(std::string_view text) { return painted("\x1b[2m", text); }
    // Pads what was put since the last newline to `column`.
    Page& to_column(std::size_t column, std::size_t used) {
        text_.append(used < column ? column - used : 1, ' ');
        return *this;
    }
    // `text` broken at spaces, every line but the first indented.
    Page& wrapped(std::string_view text, std::size_t indent) {
        const std::size_t room = kWidth - indent;
        while (text.size() > room) {
            const std::size_t cut = text.rfind(' ', room);
            if (cut == text.npos) break;
            put(text.substr(0, cut)).put("\n").put(std::string(indent, ' '));
            text.remove_prefix(cut + 1);
        }
        return put(text).put("\n");
    }
    std::string take() { return std::move(text_); }

private:
    Page& painted(std::string_view code, std::string_view text) {
        if (colour_) text_ += code;
        text_ += text;
        if (colour_) text_ += "\x1b[0m";
        return *this;
    }

    std::string text_;
    bool colour_;
};

std::string usage_of(const Command& command) {
    std::string usage = "bine " + std::string(command.name);
    if (!command.argument.empty()) (usage += ' ') += command.argument;
    return usage;
}

void put_option(Page& page, const Command& command, const Option& option) {
    std::string flags = option.flags.starts_with("--") ? "    " : "";
    for (const char c : option.flags) {
        flags += c;
        if (c == ',') flags += ' ';
    }
    if (!option.is_switch()) (flags += ' ') += option.value;
    page.put("  ").bold(flags).to_column(kOptionIndent, flags.size() + 2).wrapped(option.text, kOptionIndent);

    std::string note(option.variable);
    const std::string_view fallback = option.id == OptionId::listen ? command.endpoint : option.fallback;
    if (!fallback.empty()) ((note += note.empty() ? "" : ", ") += "default ") += fallback;
    if (note.empty()) return;
    page.put(std::string(kOptionIndent, ' ')).dim("[" + note + "]").put("\n");
}

}  // namespace

std::string welcome_screen(bool colour) {
    Page page(colour);
    page.bold("bine ").bold(version()).put(", an asynchronous networking engine: servers that start from a shell.\n\n");
    page.put("Try it: ").bold("bine serve").put(" shows an example site at http://127.0.0.1:8080/\n\nCommands:\n");
    for (const Command& command : commands()) {
        const std::string usage = usage_of(command);
        page.put("  ").bold(usage).to_column(24, usage.size() + 2).put(command.summary).put("\n");
        if (command.serves()) page.put(std::string(24, ' ')).dim(command.example).put("\n");
    }
    page.put("\n").bold("bine help COMMAND").put(" explains one; `bine serve --help` is the same.\n");
    return page.take();
}

std::string help_page(const Command& command, bool colour) {
    Page page(colour);
    page.bold(usage_of(command)).put(command.options.empty() ? "\n\n" : " [options]\n\n");
    page.wrapped(command.text, 0);
    if (!command.options.empty()) page.put("\nOptions [environment variable]; the flag comes before the variable:\n");
    for (const Option* option : command.options) put_option(page, command, *option);
    if (command.serves()) page.put("\n").put(kEndpoints).put("\n").put(kStopping);
    if (!command.notes.empty()) page.put("\n").put(command.notes);
    page.put("\nExample:\n  ").put(command.example).put("\n");
    return page.take();
}

}  // namespace bine::app
