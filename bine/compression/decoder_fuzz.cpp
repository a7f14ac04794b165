// Any bytes, cut in any way, inflate to the same bytes and end in the same error; what was compressed comes back.
// The first byte of the input chooses the codings.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "bine/compression/decoder.h"
#include "bine/compression/encoder.h"

using namespace bine;
using namespace bine::compression;

namespace {

constexpr uint64_t kMost = 1 << 20;

void require(bool holds) {
    if (!holds) std::abort();
}

struct Outcome {
    std::string bytes;
    std::error_code code;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// How much of broken data comes before its error may differ, and then what is broken of an inner coding, too.
bool same_outcome(const Outcome& a, const Outcome& b) {
    const bool prefix = a.bytes.starts_with(b.bytes) || b.bytes.starts_with(a.bytes);
    return prefix && (a == b || (a.code && b.code));
}

Outcome decode(const std::vector<Coding>& codings, bool ignore_trailing, std::string_view input, std::size_t size) {
    Decoder decoder(codings, {.most = kMost, .ratio = 0, .ignore_trailing = ignore_trailing});
    Outcome outcome;
    for (std::size_t at = 0; at < input.size(); at += size) {
        const std::string piece(input.substr(at, size));
        std::string_view rest = piece;
        Result<std::string_view> bytes = decoder.next(rest);
        for (; bytes && !bytes->empty(); bytes = decoder.next(rest)) outcome.bytes += *bytes;
        require(!bytes || rest.empty());
        if (!bytes) break;
    }
    const Result<> ended = decoder.end();
    if (!ended) outcome.code = ended.error().code();
    require(outcome.bytes.size() <= kMost);
    return outcome;
}

std::vector<Coding> choose(uint8_t chosen) {
    std::vector<Coding> codings{static_cast<Coding>(chosen & 3)};
    if ((chosen & 4) != 0) codings.push_back(static_cast<Coding>(chosen >> 3 & 3));
    return codings;
}

void come_back(Coding coding, std::string_view bytes) {
    Encoder encoder(coding, 1);
    Output output;
    require(encoder.append(bytes.substr(0, bytes.size() / 2), output).has_value());
    if (bytes.size() % 2 != 0) require(encoder.flush(output).has_value());
    require(encoder.append(bytes.substr(bytes.size() / 2), output).has_value());
    require(encoder.finish(output).has_value());
    require(decode({coding}, false, output.to_string(), 64) == Outcome{std::string(bytes), {}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::vector<Coding> codings = choose(data[0]);
    const bool ignore_trailing = (data[0] & 32) != 0;
    const Outcome whole = decode(codings, ignore_trailing, input, size);
    require(same_outcome(decode(codings, ignore_trailing, input, 1), whole));
    require(same_outcome(decode(codings, ignore_trailing, input, 7), whole));
    if ((data[0] & 64) != 0) come_back(codings[0], input);
    return 0;
}
