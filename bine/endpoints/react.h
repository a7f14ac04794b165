// The main function of a program that is one reactor.
//
//     int main(int argc, char** argv) {
//         return bine::react(argc, argv, [](Reactor& reactor, Args args) -> Deferred<> {
//             auto port = co_await listen(reactor, args.value_or(0, "tcp:7000"), greet);
//             co_await port.closed();
//         });
//     }
#pragma once

#include <string_view>

#include "bine/async/deferred.h"
#include "bine/reactor/reactor.h"

namespace bine {

// The words behind the program's name. Views into argv.
class Args {
public:
    Args(int argc, char** argv) noexcept : words_(argc > 0 ? argv + 1 : argv), size_(argc > 0 ? argc - 1 : 0) {}

    std::size_t size() const noexcept { return static_cast<std::size_t>(size_); }
    std::string_view operator[](std::size_t index) const noexcept { return words_[index]; }
    std::string_view value_or(std::size_t index, std::string_view fallback) const noexcept {
        return index < size() ? (*this)[index] : fallback;
    }

private:
    char** words_;
    int size_;
};

// Makes a reactor, runs `program` on it until its Deferred has ended, then the shutdown triggers, and waits (for 5 s at
// most) until what closed connections have queued is sent. SIGINT and SIGTERM cancel the program; a second one ends at once.
// Returns what main should: 0, 1 after an error (which is logged), 2 when ended by a second signal.
int react(int argc, char** argv, Function<Deferred<>(Reactor&, Args)> program,
          ReactorOptions options = ReactorOptions());

}  // namespace bine
