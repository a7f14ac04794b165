// What the scenarios have in common: dialling until somebody answers, bytes that can be told apart, an HTTP client of few
// lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bine/endpoints/listen.h"
#include "bine/reactor/reactor.h"
#include "bine/sim/world.h"

namespace bine::tests {

// `size` bytes that differ for each `number` and do not repeat soon.
std::string pattern(uint64_t number, std::size_t size);

// Connects to `endpoint`, trying again after a while; nothing when `attempts` fail. Silence of 90 s ends the connection: a
// peer that has crashed says nothing.
Deferred<std::optional<Stream>> dial(Reactor& reactor, std::string endpoint, int attempts = 20);

// Writes `bytes` in pieces of chosen sizes, with pauses now and then.
Deferred<> write_in_pieces(sim::World& world, Reactor& reactor, Stream& stream, std::string bytes);

struct Answer {
    int status = 0;
    std::string fields;  // the lines of the head
    std::string body;
    bool closes = false;
};

// Reads one answer to a request that is no HEAD; throws what ends the stream before.
Deferred<Answer> read_answer(Stream& stream);

}  // namespace bine::tests
