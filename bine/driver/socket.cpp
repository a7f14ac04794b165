#include "bine/driver/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace bine::socket {

namespace {

int native_family(const Address& address) noexcept {
    switch (address.family()) {
        case Address::Family::ipv4: return AF_INET;
        case Address::Family::ipv6: return AF_INET6;
        case Address::Family::local: return AF_UNIX;
        case Address::Family::none: break;
    }
    return AF_UNSPEC;
}

void set_flag(int fd, int level, int option, bool on) noexcept {
    const int value = on ? 1 : 0;
    ::setsockopt(fd, level, option, &value, sizeof value);
}

// 0 when it has none.
int get_number(int fd, int option, SystemCalls& system) noexcept {
    int number = 0;
    socklen_t length = sizeof number;
    return system.getsockopt(fd, SOL_SOCKET, option, &number, &length) == 0 ? number : 0;
}

Address ask_address(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* native = reinterpret_cast<sockaddr*>(&storage);
    return ask(fd, native, &length) == 0 ? Address::from_native(native, length) : Address();
}

Result<Descriptor> make(const Address& address, int type, const std::string& what, SystemCalls& system) {
    Descriptor fd(system.socket(native_family(address), type | SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return fail(Error::from_errno(errno, what));
    return fd;
}

int bind_to(int fd, const Address& address) noexcept {
    sockaddr_storage storage{};
    const auto length = address.to_native(reinterpret_cast<sockaddr*>(&storage));
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

int connect_to(int fd, const Address& address, SystemCalls& system) noexcept {
    sockaddr_storage storage{};
    const auto length = address.to_native(reinterpret_cast<sockaddr*>(&storage));
    return system.connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 ? 0 : errno;
}

// Removes the socket that a server which is gone has left behind. Anything else at that path stays.
bool remove_stale(const Address& address, SystemCalls& system) {
    const std::string path(address.path());
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
    const Descriptor probe(system.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC));
    return probe && connect_to(probe.get(), address, system) == ECONNREFUSED && ::unlink(path.c_str()) == 0;
}

}  // namespace

bool is_path(const Address& address) noexcept {
    return address.family() == Address::Family::local && !address.path().empty() && address.path()[0] != '\0';
}

Result<Descriptor> listen(const Address& address, const ListenOptions& options, SystemCalls& system) {
    const std::string what = "listen on " + address.to_string();
    if (address.path().size() > 107) return fail(Errc::invalid_argument, what + ": a Unix path has at most 107 bytes");
    auto made = make(address, SOCK_STREAM, what, system);
    if (!made) return made;
    const int fd = made->get();
    if (address.is_ip()) {
        set_flag(fd, SOL_SOCKET, SO_REUSEADDR, true);
        set_no_delay(fd, true);
    }
    if (options.reuse_port) set_reuse_port(fd);
    if (address.family() == Address::Family::ipv6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only);

    int refused = bind_to(fd, address);
    if (refused == EADDRINUSE && is_path(address) && remove_stale(address, system)) refused = bind_to(fd, address);
    if (refused != 0) return fail(Error::from_errno(refused, what));
    if (is_path(address) && options.unix_mode != 0 &&
        ::chmod(std::string(address.path()).c_str(), options.unix_mode) != 0) {
        return fail(Error::from_errno(errno, what));
    }
    if (::listen(fd, options.backlog) != 0) return fail(Error::from_errno(errno, what));
    return made;
}

Result<Connecting> connect(const Address& remote, const Address& local, SystemCalls& system) {
    const std::string what = "connect to " + remote.to_string();
    auto made = make(remote, SOCK_STREAM, what, system);
    if (!made) return fail(made.error());
    if (local.family() != Address::Family::none) {
        if (const int refused = bind_to(made->get(), local)) {
            return fail(Error::from_errno(refused, what + " from " + local.to_string()));
        }
    }
    if (remote.is_ip()) set_no_delay(made->get(), true);
    const int refused = connect_to(made->get(), remote, system);
    return Connecting{std::move(*made), refused == EINPROGRESS || refused == EINTR ? 0 : refused};
}

Result<Descriptor> datagram(const Address& local, const Address& remote, SystemCalls& system) {
    const Address& known = local.family() != Address::Family::none ? local : remote;
    const std::string what = "open a datagram socket on " + known.to_string();
    auto made = make(known, SOCK_DGRAM, what, system);
    if (!made) return made;
    if (local.family() != Address::Family::none) {
        if (const int refused = bind_to(made->get(), local)) return fail(Error::from_errno(refused, what));
    }
    if (remote.family() != Address::Family::none) {
        if (const int refused = connect_to(made->get(), remote, system)) return fail(Error::from_errno(refused, what));
    }
    return made;
}

Error error_of(int error, const char* what, const Address& peer) noexcept try {
    if (error == ENODATA) return Error(Errc::local_protocol, "send a file: it has become shorter");
    if (error != EOPNOTSUPP) return Error::from_errno(error, what + peer.to_string());
    return Error(Errc::unsupported, "pass a descriptor to " + peer.to_string() + ": only Unix sockets can do that");
} catch (const std::bad_alloc&) {
    return Error::out_of_memory();
}

Address local_address(int fd) { return ask_address(fd, ::getsockname); }
Address peer_address(int fd) { return ask_address(fd, ::getpeername); }
int take_error(int fd, SystemCalls& system) noexcept { return get_number(fd, SO_ERROR, system); }

bool is_socket(int fd) noexcept {
    struct stat found{};
    return ::fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
}

bool has_unread(int fd) noexcept {
    int count = 0;
    return ::ioctl(fd, FIONREAD, &count) != 0 || count > 0;
}

bool is_listening(int fd) noexcept { return get_number(fd, SO_ACCEPTCONN, native_system_calls) != 0; }

void set_reuse_port(int fd) noexcept { set_flag(fd, SOL_SOCKET, SO_REUSEPORT, true); }
void set_no_delay(int fd, bool on) noexcept { set_flag(fd, IPPROTO_TCP, TCP_NODELAY, on); }
void set_keep_alive(int fd, bool on) noexcept { set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, on); }

void set_reset_on_close(int fd) noexcept {
    const ::linger reset{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

bool set_non_blocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    const bool blocking = flags >= 0 && !(flags & O_NONBLOCK);
    if (blocking) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return blocking;
}

}  // namespace bine::socket
