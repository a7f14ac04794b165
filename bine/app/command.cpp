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
    {OptionId::method, "-X,--method", "", "METHOD", "",
     "what to ask; without it GET, HEAD with --head, POST with a body"},
    {OptionId::header, "-H,--header", "", "\"NAME: VALUE\"", "", "a field to send; may be given several times"},
    {OptionId::data, "-d,--data", "", "TEXT", "",
     "send TEXT, as a form's unless a Content-Type is given; @FILE sends a file as it is, - what standard input holds; several "
     "are joined by &"},
    {OptionId::json, "--json", "", "TEXT", "", "send TEXT, @FILE or - as JSON, and ask for JSON"},
    {OptionId::form, "-F,--form", "", "FIELD", "",
     "send a form with FIELD, NAME=VALUE; NAME=@FILE sends a file (;type=TYPE and ;filename=NAME may follow), NAME=<FILE what "
     "it holds; may be given several times"},
    {OptionId::follow, "-L,--follow", "", "", "yes", "go where redirects lead, 10 at most; --follow=no shows them"},
    {OptionId::output, "-o,--output", "", "FILE", "",
     "where to write the body; - is standard output, even if it is a terminal and the body is not text"},
    {OptionId::remote_name, "-O,--remote-name", "", "", "",
     "write the body to a file that is named as the URL's path ends"},
    {OptionId::include, "-i,--include", "", "", "", "print status and fields of the answer, too"},
    {OptionId::head, "-I,--head", "", "", "", "ask for status and fields only"},
    {OptionId::fail, "-f,--fail", "", "", "yes with a file",
     "a status of 400 or more is a failure, and its body is not written; --fail=no writes it to a file, too"},
    {OptionId::user, "-u,--user", "", "NAME:PASSWORD", "",
     "who asks, when the server wants to know (Basic or Digest); @FILE: its first line. In a URL, NAME:PASSWORD@ is sent at once"},
    {OptionId::bearer, "--bearer", "", "TOKEN", "", "send TOKEN as authorization; @FILE: its first line"},
    {OptionId::cookie_jar, "-c,--cookie-jar", "", "FILE", "",
     "send the cookies of FILE and keep new ones there (cookies.txt, as of curl)"},
    {OptionId::proxy, "-x,--proxy", "", "URL", "",
     "go through this proxy: http, https, socks5 or socks5h; without it, as http_proxy, https_proxy, all_proxy and no_proxy say"},
    {OptionId::unix_path, "--unix", "", "PATH", "", "connect to this Unix socket, whatever host the URL names"},
    {OptionId::insecure, "-k,--insecure", "", "", "",
     "believe any certificate: who listens in can read and change everything"},
    {OptionId::authorities, "--cacert", "BINE_CACERT", "FILE", "",
     "believe what these certificates have signed (PEM), instead of what the machine trusts"},
    {OptionId::client_certificate, "-E,--cert", "", "FILE", "", "the certificate to show to a server that asks (PEM)"},
    {OptionId::client_key, "--key", "", "FILE", "",
     "its private key (PEM); without it, it is looked for in the file of --cert"},
    {OptionId::connect_timeout, "--connect-timeout", "", "SECONDS", "30",
     "how long name and connection may take; 0: without limit"},
    {OptionId::timeout, "-m,--timeout", "", "SECONDS", "0",
     "how long all of it may take; 0: as long as something comes at least once a minute"},
    {OptionId::compressed, "--compressed", "", "", "yes",
     "ask for a compressed body (gzip, deflate, br, zstd) and undo it; --compressed=no takes it as it comes"},
    {OptionId::no_progress, "-q,--no-progress", "", "", "",
     "no progress bar; there is one on a terminal when it takes long"},
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
constexpr const Option* kGetOptions[] = {option(OptionId::method),
                                         option(OptionId::header),
                                         option(OptionId::data),
                                         option(OptionId::json),
                                         option(OptionId::form),
                                         option(OptionId::follow),
                                         option(OptionId::output),
                                         option(OptionId::remote_name),
                                         option(OptionId::include),
                                         option(OptionId::head),
                                         option(OptionId::fail),
                                         option(OptionId::user),
                                         option(OptionId::bearer),
                                         option(OptionId::cookie_jar),
                                         option(OptionId::proxy),
                                         option(OptionId::unix_path),
                                         option(OptionId::insecure),
                                         option(OptionId::authorities),
                                         option(OptionId::client_certificate),
                                         option(OptionId::client_key),
                                         option(OptionId::connect_timeout),
                                         option(OptionId::timeout),
                                         option(OptionId::compressed),
                                         option(OptionId::no_progress),
                                         option(OptionId::log_level),
                                         option(OptionId::reactor)};
constexpr const Option* kEnvOptions[] = {option(OptionId::reactor)};

constexpr std::string_view kGetNotes =
    "A file appears under its name when it is whole. Until then, and after an error if anything\n"
    "came, it is FILE.part.\n"
    "\n"
    "Exit codes:\n"
    "  0   an answer came, all of it, whatever its status\n"
    "  1   a file or standard output cannot be read or written, or is not fit for the body\n"
    "  4   with --fail: a status of 400 to 499\n"
    "  5   with --fail: a status of 500 or more\n"
    "  6   the server was not reached\n"
    "  7   it took too long\n"
    "  8   the server's certificate is not believed, or ours is not\n"
    "  9   the answer is broken, cut short, too large or leads nowhere\n"
    "  64  wrong use\n"
    "  130 Ctrl-C; 143 SIGTERM\n";

constexpr Command kCommands[] = {
    {"serve", "[DIR]", "serve a folder over HTTP",
     "Serves the files of DIR over HTTP/1.1: with index pages and listings, ranges, caching by ETag, and no way out of "
     "the folder. Without DIR it serves an example site that is built into bine.",
     "tcp:8080:interface=127.0.0.1", "bine serve ~/site --listen tcp:8000", kServeOptions},
    {"echo", "", "answer every byte with itself",
     "A TCP server that sends back what it receives: to try endpoints, proxies and networks with.",
     "tcp:7000:interface=127.0.0.1", "bine echo --listen unix:/tmp/echo", kEchoOptions},
    {"get", "URL", "fetch a URL",
     "Asks an HTTP server, http or https, and writes the body of its answer to standard output or to a file. A URL without a "
     "scheme is one of http.",
     "", "bine get -O https://example.org/large.iso", kGetOptions, kGetNotes},
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
