// The system calls that make sockets, with errors in words. For drivers; no state, nothing blocks.
#pragma once

#include "bine/base/descriptor.h"
#include "bine/base/result.h"
#include "bine/driver/address.h"
#include "bine/driver/driver.h"
#include "bine/driver/system_calls.h"

namespace bine::socket {

// A listening socket, non-blocking. A Unix path whose socket nobody listens on any more is taken over.
Result<Descriptor> listen(const Address& address, const ListenOptions& options,
                          SystemCalls& system = native_system_calls);

// A socket on its way to `remote`. `failed` is the errno of a connect that could not even begin, 0 otherwise.
struct Connecting {
    Descriptor descriptor;
    int failed = 0;
};
Result<Connecting> connect(const Address& remote, const Address& local, SystemCalls& system);

Result<Descriptor> datagram(const Address& local, const Address& remote, SystemCalls& system);

// "connect to 127.0.0.1:80: connection refused", out of the errno; without the words when there is no memory for them.
Error error_of(int error, const char* what, const Address& peer) noexcept;

Address local_address(int fd);
Address peer_address(int fd);
// The pending error of a socket, taken; 0 for none.
int take_error(int fd, SystemCalls& system) noexcept;
bool is_socket(int fd) noexcept;
// Bytes have come that nobody has received.
bool has_unread(int fd) noexcept;
bool is_listening(int fd) noexcept;
// A Unix address that is in the file system.
bool is_path(const Address& address) noexcept;
// Lets later sockets that say so too (ListenOptions) listen at the same port.
void set_reuse_port(int fd) noexcept;
void set_no_delay(int fd, bool on) noexcept;
void set_keep_alive(int fd, bool on) noexcept;
// Makes the coming close() send a reset.
void set_reset_on_close(int fd) noexcept;
// Whether it was blocking.
bool set_non_blocking(int fd) noexcept;

}  // namespace bine::socket
