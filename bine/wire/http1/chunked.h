// The chunked transfer coding (RFC 9112 section 7.1): taking it apart, and making it.
#pragma once

#include <cstdint>
#include <string_view>

#include "bine/base/output.h"
#include "bine/wire/http1/fault.h"
#include "bine/wire/protocol.h"

namespace bine::http1 {

// Takes chunks apart up to and including the line of the last one; trailers are the message parser's.
// Framing may cost 16 bytes a chunk, twice the data, and 16 KiB beyond that: a body that is all extensions is refused.
class ChunkedDecoder {
public:
    struct Event {
        std::string_view data;  // a piece of a chunk; empty: the last chunk has come
    };

    wire::Step next(std::string_view& input, Event& event) noexcept;
    Result<> end() noexcept;
    const Error& error() const noexcept { return error_of(fault_); }
    Fault fault() const noexcept { return fault_; }
    // Data announced by the chunk that is being read and not yet handed out.
    uint64_t remaining() const noexcept { return remaining_; }

private:
    enum class Phase : uint8_t { size, data, data_end, done };

    wire::Step read_size(std::string_view& input) noexcept;
    wire::Step read_data_end(std::string_view& input) noexcept;
    wire::Step fail(Fault fault) noexcept;

    uint64_t remaining_ = 0;
    uint32_t overhead_ = 0;
    uint16_t scanned_ = 0;
    Phase phase_ = Phase::size;
    Fault fault_ = Fault::none;
};

// Appends one chunk; nothing for no data, which would end the body.
void append_chunk(Output& output, std::string_view data);
void append_chunk(Output& output, Output&& data);

}  // namespace bine::http1
