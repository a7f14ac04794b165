#include "bine/app/listen_error.h"

#include <cerrno>
#include <optional>

#include "bine/base/text.h"
#include "bine/endpoints/endpoint_string.h"

namespace bine::app {

namespace {

constexpr uint64_t kFirstFreePort = 1024;

// The port number in "tcp:8080:...", and the same endpoint with another one.
struct PortEndpoint {
    EndpointDescription description;
    uint64_t port = 0;

    std::string with_port(uint64_t other) const {
        EndpointDescription changed = description;
        if (!changed.positional.empty()) {
            changed.positional.front() = std::to_string(other);
        } else {
            for (EndpointArgument& argument : changed.named) {
                if (argument.name == "port") argument.value = std::to_string(other);
            }
        }
        return to_string(changed);
    }
};

std::optional<PortEndpoint> try_find_port(std::string_view endpoint) {
    auto parsed = parse_endpoint(endpoint);
    if (!parsed || !parsed->name.starts_with("tcp")) return std::nullopt;
    std::string_view text = parsed->positional.empty() ? std::string_view() : parsed->positional.front();
    for (const EndpointArgument& argument : parsed->named) {
        if (argument.name == "port") text = argument.value;
    }
    const auto port = try_parse_decimal(text, 65535);
    if (!port) return std::nullopt;
    return PortEndpoint{std::move(*parsed), *port};
}

std::string cure_for(std::string_view endpoint, const Error& error) {
    const auto at = try_find_port(endpoint);
    if (error.is_errno(EADDRINUSE)) {
        if (!at)
            return "another program listens there, or it is no socket: stop it, or choose another path with --listen";
        const uint64_t other = at->port < 65535 ? at->port + 1 : at->port - 1;
        return "another program listens there: stop it, or try --listen " + at->with_port(other);
    }
    if (error.is_errno(EACCES) && at && at->port < kFirstFreePort) {
        return "ports below 1024 are privileged: try --listen " + at->with_port(at->port == 443 ? 8443 : 8080) +
               ", or give bine the right with setcap cap_net_bind_service=+ep";
    }
    if (error.is_errno(EACCES)) return "this user may not create it: choose another place with --listen";
    if (error.is_errno(EADDRNOTAVAIL)) return "this machine has no such address; interface=0.0.0.0 means every one";
    if (error.is_errno(EAFNOSUPPORT)) return "this machine does not speak that family of addresses; try tcp: or unix:";
    if (error.is_errno(ENOENT)) return "make the folder first";
    if (endpoint.starts_with("tls:") && error.is(Errc::invalid_argument)) {
        return "give --certificate FILE and --key FILE, or --tls for one that is made on the spot";
    }
    if (error.is_errno(EMFILE)) return "raise the limit of open files (ulimit -n)";
    return {};
}

}  // namespace

std::string explain_listen_error(std::string_view endpoint, const Error& error) {
    std::string text = "cannot listen on " + std::string(endpoint) + ": " + error.text();
    if (error.text().starts_with("listen on ")) text = "cannot " + error.text();
    // What is wrong with the words of the endpoint, or with a file that they name.
    if (error.text().starts_with("endpoint ")) return "cannot listen: " + error.text();
    const std::string cure = cure_for(endpoint, error);
    if (!cure.empty()) (text += "; ") += cure;
    return text;
}

ExitCode exit_code_of_listen_error(const Error& error) noexcept {
    return error.code().category() == category() ? ExitCode::usage : ExitCode::failure;
}

}  // namespace bine::app
