// A small key-value server whose answers are kept, and a client that tries again until it has one.
//
// A request is a line, and so is its answer:
//     ann 7 put color light blue      ok
//     ann 8 get color                 value light blue      (or: none)
//     ann 9 incr visits               value 1
// It says whose it is and has a number, which is larger than that of the client's request before. What is asked again
// under the same number is not done again: it is given the same answer. So a client that has heard nothing can ask again.
// Confined to the reactor's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bine/endpoints/listen.h"

namespace kv {

// Listens at `endpoint`, and serves what the file `journal` tells and what comes to it. A change is answered when it is in
// the journal: it outlives the process, though not the machine. Errors: those of listen(), a journal that cannot be read.
bine::Deferred<bine::Port> serve(bine::Reactor& reactor, std::string endpoint, std::string journal);

struct ClientOptions {
    bine::Duration limit = std::chrono::seconds(1);        // for an attempt, connecting included
    bine::Duration pause = std::chrono::milliseconds(50);  // between attempts
    int attempts = 1000;
};

// One request at a time.
class Client {
public:
    // `name` is a word that no other client has or had.
    Client(bine::Reactor& reactor, std::string endpoint, std::string name, ClientOptions options = ClientOptions())
        : reactor_(reactor), endpoint_(std::move(endpoint)), name_(std::move(name)), options_(options) {}

    // Keys are words; values are lines. Errors: what went wrong in the last attempt; remote_protocol when the server answers
    // with an error.
    bine::Deferred<> put(std::string_view key, std::string_view value);
    bine::Deferred<std::optional<std::string>> get(std::string_view key);
    // Adds one to a number, and gives the sum; what is not there counts as 0.
    bine::Deferred<uint64_t> incr(std::string_view key);

    uint64_t retries() const noexcept { return retries_; }

private:
    bine::Deferred<std::string> ask(std::string request);
    bine::Deferred<std::string> attempt(std::string line);

    bine::Reactor& reactor_;
    const std::string endpoint_;
    const std::string name_;
    const ClientOptions options_;
    uint64_t number_ = 0;
    uint64_t retries_ = 0;
    std::optional<bine::Stream> stream_;
};

}  // namespace kv
