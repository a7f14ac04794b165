#include "bine/app/command.h"

namespace bine::app {

namespace {

constexpr Option kOptions[] = {
    {OptionId::listen, "-l,--listen", "BINE_LISTEN", "ENDPOINT", "",
     "where to listen; may be given several times (in the variable: separated by spaces)"},
    {OptionId::tls, "--tls", "BINE_TLS", "", "",
     "speak TLS (https) wherever it listens; without --certificate, with one made on the spot for localhost, which browsers warn of"},
    {OptionId::certificate, "--certificate", "BINE_CERTIFICATE", "FILE", "",
     "the certificate chain to show (PEM, the server's own first; implies --tls); several are told apart by their names; read "
     "again at SIGHUP (in the variable: separated by spaces)"},
    {OptionId::key, "--key", "BINE_KEY", "FILE", "",
     "the private key of each --certificate (PEM), in the same order; without it, it is looked for in the certificate's file"},
    {OptionId::quiet, "-q,--quiet", "BINE_QUIET", "", "", "log warnings and errors only, no requests"},
    {OptionId::no_listing, "--no-listing", "BINE_NO_LISTING", "", "",
     "answer 404 for a folder without an index.html instead of listing it"},
    {OptionId::workers, "-w,--workers", "BINE_WORKERS", "N", "1",
     "how many threads serve, each with a loop of its own; auto: one for each processor that this process may use; "
     "limits of connections hold for each"},
    {OptionId::grace, "--grace", "BINE_GRACE", "SECONDS", "10",
     "how long connections may take to finish after the first Ctrl-C or SIGTERM"},
    {OptionId::log_format, "--log-format", "BINE_LOG_FORMAT", "FORMAT", "auto",
     "text, json, or auto: text on a terminal, JSON lines elsewhere"},
    {OptionId::log_level, "--log-level", "BINE_LOG_LEVEL", "LEVEL", "info", "debug, info, warning or error"},
    {OptionId::reactor, "--reactor", "BINE_REACTOR", "DRIVER", "auto", "what drives the loop: auto, epoll or uring"},
};

constexpr const Option* option(OptionId id) { return &kOptions[static_cast<std::size_t>(id)]; }

constexpr const Option* kServeOptions[] = {
    option(OptionId::listen),     option(OptionId::tls),       option(OptionId::certificate), option(OptionId::key),
    option(OptionId::no_listing), option(OptionId::workers),   option(OptionId::quiet),       option(OptionId::grace),
    option(OptionId::log_format), option(OptionId::log_level), option(OptionId::reactor)};
constexpr const Option* kEchoOptions[] = {
    option(OptionId::listen),    option(OptionId::tls),    option(OptionId::certificate), option(OptionId::key),
    option(OptionId::workers),   option(OptionId::quiet),  option(OptionId::grace),       option(OptionId::log_format),
    option(OptionId::log_level), option(OptionId::reactor)};
constexpr const Option* kEnvOptions[] = {option(OptionId::reactor)};

constexpr Command kCommands[] = {
    {"serve", "[DIR]", "serve a folder over HTTP",
     "Serves the files of DIR over HTTP/1.1: with index pages and listings, ranges, caching by ETag, and no way out of "
     "the folder. Without DIR it serves an example site that is built into bine.",
     "tcp:8080:interface=127.0.0.1", "bine serve ~/site --listen tcp:8000", kServeOptions},
    {"echo", "", "answer every byte with itself",
     "A TCP server that sends back what it receives: to try endpoints, proxies and networks with.",
     "tcp:7000:interface=127.0.0.1", "bine echo --listen unix:/tmp/echo", kEchoOptions},
    {"env", "", "show what bine runs on",
     "Shows the driver that would run and why, what the kernel offers, processors, limits, compiler and libraries. Add it to bug "
     "reports.",
     "", "bine env", kEnvOptions},
    {"version", "", "show the version", "Shows which bine this is.", "", "bine version", {}},
    {"help", "[COMMAND]", "explain a command", "Explains a command and its options.", "", "bine help serve", {}},
};

}  // namespace

std::span<const Command> commands() noexcept { return kCommands; }

const Command* find_command(std::string_view name) noexcept {
    for (const Command& command : kCommands) {
        if (command.name == name) return &command;
    }
    return nullptr;
}

const Option& find_option(OptionId id) noexcept { return *option(id); }

}  // namespace bine::app
