// TCP echo on Asio with C++20 coroutines, one thread. Usage: asio_echo_coroutines PORT
#include <array>
#include <asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

using asio::ip::tcp;

namespace {

asio::awaitable<void> echo(tcp::socket socket) {
    const auto data = std::make_unique<std::array<char, 65536>>();
    try {
        socket.set_option(tcp::no_delay(true));
        for (;;) {
            const std::size_t size = co_await socket.async_read_some(asio::buffer(*data), asio::use_awaitable);
            co_await asio::async_write(socket, asio::buffer(*data, size), asio::use_awaitable);
        }
    } catch (const std::system_error&) {
        // The client is gone.
    }
}

asio::awaitable<void> serve(tcp::acceptor& acceptor) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    asio::io_context context(1);
    const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
    std::printf("port %d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    asio::co_spawn(context, serve(acceptor), asio::detached);
    context.run();
}
