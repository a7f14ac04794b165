// tcp, tcp6, unix, stdio, fd, systemd and haproxy, as servers.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include "bine/base/text.h"
#include "bine/driver/socket.h"
#include "bine/endpoints/endpoint_string.h"
#include "bine/endpoints/proxied.h"
#include "bine/endpoints/standard_endpoints.h"
#include "bine/net/listener.h"

namespace bine {

namespace {

using Made = Result<std::unique_ptr<ServerEndpoint>>;

// Promises for those that wait for the end of a port.
class Closers {
public:
    Deferred<> wait(bool open) {
        if (!open) return ready();
        return waiting_.emplace_back().deferred();
    }
    void tell() {
        std::vector<Promise<>> waiting = std::exchange(waiting_, {});
        for (Promise<>& promise : waiting) std::move(promise).resolve();
    }

private:
    std::vector<Promise<>> waiting_;
};

class ListenerPort final : public Port::Source {
public:
    ListenerPort(Reactor& reactor, Factory factory, const ListenerOptions& options)
        : listener_(reactor, std::move(factory), options) {}

    Listener& listener() noexcept { return listener_; }
    void on_close(Function<void()> f) { on_close_ = std::move(f); }
    void close() noexcept override {
        if (!listener_.is_open()) return;
        if (on_close_) on_close_();
        listener_.close();
        closers_.tell();
    }
    bool is_open() const noexcept override { return listener_.is_open(); }
    Address address() const override { return listener_.address(); }
    std::size_t connections() const noexcept override { return listener_.connections(); }
    Deferred<> closed() override { return closers_.wait(is_open()); }

private:
    Listener listener_;
    Closers closers_;
    Function<void()> on_close_;
};

Deferred<Port> adopt_socket(Reactor& reactor, Descriptor socket, Factory factory, const ListenerOptions& options,
                            Function<void()> on_close = nullptr) {
    auto port = std::make_unique<ListenerPort>(reactor, std::move(factory), options);
    port->on_close(std::move(on_close));
    if (auto opened = port->listener().open(std::move(socket)); !opened) return failed(opened.error());
    return ready(Port(std::move(port)));
}

Result<Descriptor> duplicate(int fd, const std::string& what) {
    Descriptor own(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!own) return fail(Error::from_errno(errno, what));
    return own;
}

class SocketEndpoint final : public ServerEndpoint {
public:
    SocketEndpoint(Address address, const ListenOptions& options) : address_(std::move(address)), options_(options) {}
    ~SocketEndpoint() override { remove_path(); }

    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        auto port = std::make_unique<ListenerPort>(reactor, std::move(factory), options);
        if (auto opened = port->listener().open(address_, options_); !opened) return failed(opened.error());
        return ready(Port(std::move(port)));
    }

    Result<Descriptor> open() override {
        auto socket = socket::listen(address_, options_);
        has_path_ = socket && socket::is_path(address_);
        return socket;
    }
    // The first one has been bound alone: two programs that mean the same port shall not both have it.
    Result<Descriptor> open_another(int first) override {
        if (!address_.is_ip()) return duplicate(first, "listen on " + address_.to_string());
        socket::set_reuse_port(first);
        ListenOptions options = options_;
        options.reuse_port = true;
        return socket::listen(socket::local_address(first), options);
    }
    Deferred<Port> adopt(Reactor& reactor, Descriptor socket, Factory factory,
                         const ListenerOptions& options) override {
        return adopt_socket(reactor, std::move(socket), std::move(factory), options, [this] { remove_path(); });
    }

private:
    // With the first port that closes: nobody shall find it any more.
    void remove_path() noexcept {
        if (has_path_.exchange(false)) ::unlink(std::string(address_.path()).c_str());
    }

    const Address address_;
    const ListenOptions options_;
    std::atomic<bool> has_path_ = false;
};

Made make_tcp(const EndpointDescription& description, bool v6) {
    auto arguments = EndpointArguments::bind(description, {"port"}, {"interface", "backlog", "reuseport"});
    if (!arguments) return fail(arguments.error());
    const auto port = arguments->port("port");
    if (!port) return fail(port.error());
    const auto interface = arguments->string("interface", v6 ? "::" : "0.0.0.0");
    const auto backlog = arguments->count("backlog", 65535, 1024);
    if (!backlog) return fail(backlog.error());
    const auto reuse_port = arguments->flag("reuseport", false);
    if (!reuse_port) return fail(reuse_port.error());
    const auto address = Address::try_parse_ip(*interface, *port);
    const auto family = v6 ? Address::Family::ipv6 : Address::Family::ipv4;
    if (!address || address->family() != family) {
        return fail(arguments->error(
            "interface", v6 ? "it must be an IPv6 address, as in [::1]" : "it must be an IPv4 address, as 127.0.0.1"));
    }
    ListenOptions options;
    options.backlog = static_cast<int>(*backlog);
    options.reuse_port = *reuse_port;
    return std::make_unique<SocketEndpoint>(*address, options);
}

Made make_unix(const EndpointDescription& description) {
    auto arguments = EndpointArguments::bind(description, {"path"}, {"mode", "backlog"});
    if (!arguments) return fail(arguments.error());
    auto path = arguments->string("path");
    if (!path) return fail(path.error());
    const auto mode = arguments->mode("mode", 0);
    if (!mode) return fail(mode.error());
    const auto backlog = arguments->count("backlog", 65535, 1024);
    if (!backlog) return fail(backlog.error());
    if (path->empty() || path->size() > 107) return fail(arguments->error("path", "it must have 1 to 107 bytes"));
    if (path->front() == '@') path->front() = '\0';
    ListenOptions options;
    options.backlog = static_cast<int>(*backlog);
    options.unix_mode = *mode;
    return std::make_unique<SocketEndpoint>(Address::unix_path(*path), options);
}

// A listening socket that was open before the program started.
class InheritedEndpoint final : public ServerEndpoint {
public:
    InheritedEndpoint(int fd, std::string name)
        : fd_(fd), what_("listen on " + name + ": descriptor " + std::to_string(fd)) {}

    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        auto socket = open();
        if (!socket) return failed(socket.error());
        return adopt(reactor, std::move(*socket), std::move(factory), options);
    }

    Result<Descriptor> open() override {
        auto own = duplicate(fd_, what_);
        if (!own) return own;
        ::fcntl(fd_, F_SETFD, FD_CLOEXEC);  // no child of ours shall go on listening
        if (!socket::is_listening(own->get())) return fail(Errc::invalid_argument, what_ + " is no listening socket");
        return own;
    }
    Result<Descriptor> open_another(int first) override { return duplicate(first, what_); }

private:
    const int fd_;
    const std::string what_;
};

Made make_fd(const EndpointDescription& description) {
    auto arguments = EndpointArguments::bind(description, {"number"});
    if (!arguments) return fail(arguments.error());
    const auto number = arguments->count("number", 1 << 20);
    if (!number) return fail(number.error());
    return std::make_unique<InheritedEndpoint>(static_cast<int>(*number), to_string(description));
}

// The sockets that a service manager passed: descriptors from 3 on, named by LISTEN_FDNAMES (sd_listen_fds(3)).
std::vector<std::string> passed_sockets() {
    const auto value = [](const char* name) {
        const char* text = std::getenv(name);
        return std::string(text ? text : "");
    };
    const auto pid = try_parse_decimal(value("LISTEN_PID"));
    const auto count = try_parse_decimal(value("LISTEN_FDS"), 1024);
    if (!count || !pid || static_cast<pid_t>(*pid) != ::getpid()) return {};
    std::vector<std::string> names(*count);
    std::string rest = value("LISTEN_FDNAMES");
    for (std::string& name : names) {
        const auto colon = rest.find(':');
        name = rest.substr(0, colon);
        rest = colon == rest.npos ? std::string() : rest.substr(colon + 1);
    }
    return names;
}

Made make_systemd(const EndpointDescription& description) {
    constexpr int kFirst = 3;
    auto arguments = EndpointArguments::bind(description, {}, {"index", "name"});
    if (!arguments) return fail(arguments.error());
    const auto names = passed_sockets();
    const std::string have = "; the service manager passed " + std::to_string(names.size()) +
                             " sockets to this process (LISTEN_FDS, LISTEN_PID)";
    if (arguments->has("name")) {
        const auto wanted = arguments->string("name");
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] == *wanted) {
                return std::make_unique<InheritedEndpoint>(kFirst + static_cast<int>(i), to_string(description));
            }
        }
        return fail(arguments->error("name", "no socket has that name" + have));
    }
    const auto index = arguments->count("index", 1023);
    if (!index) return fail(index.error());
    if (*index >= names.size()) return fail(arguments->error("index", "there is no such socket" + have));
    return std::make_unique<InheritedEndpoint>(kFirst + static_cast<int>(*index), to_string(description));
}

// Standard input and output as one connection, there at once.
class StdioPort final : public Port::Source {
public:
    StdioPort(Reactor& reactor, SocketId socket, std::unique_ptr<Protocol> protocol, const ListenerOptions& options)
        : admission_(new Admission(0, 0)) {
        admission_->try_enter(Address());
        admission_->on_leave([this] { closers_.tell(); });
        connection_ = Connection::start(reactor, socket, std::move(protocol), options.connection, admission_).ref();
    }
    ~StdioPort() override { admission_->on_leave(nullptr); }

    void close() noexcept override { connection_.close(); }
    bool is_open() const noexcept override { return admission_->count() > 0; }
    Address address() const override { return Address(); }
    std::size_t connections() const noexcept override { return admission_->count(); }
    Deferred<> closed() override { return closers_.wait(is_open()); }

private:
    Ref<Admission> admission_;
    ConnectionRef connection_;
    Closers closers_;
};

class StdioEndpoint final : public ServerEndpoint {
public:
    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        std::unique_ptr<Protocol> protocol;
        try {
            protocol = factory();
        } catch (...) {
            return failed(Error::from_current_exception());
        }
        if (!protocol) return failed(Error(Errc::closed, "listen on stdio: the factory refused the connection"));
        Descriptor input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!input) return failed(Error::from_errno(errno, "listen on stdio: standard input"));
        Descriptor output(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!output) return failed(Error::from_errno(errno, "listen on stdio: standard output"));
        const auto socket = reactor.driver().adopt(std::move(input), std::move(output));
        if (!socket) return failed(socket.error());
        return ready(Port(std::make_unique<StdioPort>(reactor, *socket, std::move(protocol), options)));
    }
};

Made make_stdio(const EndpointDescription& description) {
    if (auto arguments = EndpointArguments::bind(description, {}); !arguments) return fail(arguments.error());
    return std::make_unique<StdioEndpoint>();
}

// Any other, behind a proxy.
class ProxiedEndpoint final : public ServerEndpoint {
public:
    explicit ProxiedEndpoint(std::unique_ptr<ServerEndpoint> inner) : inner_(std::move(inner)) {}

    Deferred<Port> listen(Reactor& reactor, Factory factory, const ListenerOptions& options) override {
        return inner_->listen(reactor, proxied_factory(std::move(factory)), options);
    }
    Result<Descriptor> open() override { return inner_->open(); }
    Result<Descriptor> open_another(int first) override { return inner_->open_another(first); }
    Deferred<Port> adopt(Reactor& reactor, Descriptor socket, Factory factory,
                         const ListenerOptions& options) override {
        return inner_->adopt(reactor, std::move(socket), proxied_factory(std::move(factory)), options);
    }

private:
    std::unique_ptr<ServerEndpoint> inner_;
};

}  // namespace

Result<Descriptor> ServerEndpoint::open() { return fail(Errc::unsupported, "one reactor has to listen here alone"); }
Result<Descriptor> ServerEndpoint::open_another(int) { return open(); }
Deferred<Port> ServerEndpoint::adopt(Reactor& reactor, Descriptor socket, Factory factory,
                                     const ListenerOptions& options) {
    return adopt_socket(reactor, std::move(socket), std::move(factory), options);
}

void add_server_endpoints(Endpoints& endpoints) {
    endpoints.add_server("tcp", [](const EndpointDescription& description) { return make_tcp(description, false); });
    endpoints.add_server("tcp6", [](const EndpointDescription& description) { return make_tcp(description, true); });
    endpoints.add_server("unix", make_unix);
    endpoints.add_server("stdio", make_stdio);
    endpoints.add_server("fd", make_fd);
    endpoints.add_server("systemd", make_systemd);
    endpoints.add_server_wrapper("haproxy", [](std::unique_ptr<ServerEndpoint> inner) -> Made {
        return std::make_unique<ProxiedEndpoint>(std::move(inner));
    });
}

void add_standard_endpoints(Endpoints& endpoints) {
    add_server_endpoints(endpoints);
    add_client_endpoints(endpoints);
}

}  // namespace bine
