// Applies one content coding to bytes as they come. One thread.
//
//     Encoder encoder(Coding::gzip);
//     encoder.append(bytes, output);       // again and again; keeps bytes back until they are worth a block
//     encoder.flush(output);               // all that was appended can be decoded by whoever has what is in `output`
//     encoder.finish(output);              // the end of the data; nothing may follow
#pragma once

#include <memory>
#include <string_view>

#include "bine/base/output.h"
#include "bine/base/result.h"
#include "bine/compression/coding.h"

namespace bine::compression {

class Encoder {
public:
    // Levels that suit answers made while their reader waits: gzip and deflate 6, br 5, zstd 3.
    static constexpr int kDefaultLevel = -1;

    // gzip and deflate know the levels 0 to 9, br 0 to 11, zstd 1 to 19; others are moved to the nearest. `deflate` is
    // written as a zlib stream. Throws std::bad_alloc.
    explicit Encoder(Coding coding, int level = kDefaultLevel);
    Encoder(Encoder&&) noexcept;
    Encoder& operator=(Encoder&&) noexcept;
    ~Encoder();

    // Errors: local_protocol after finish(); ENOMEM.
    Result<> append(std::string_view bytes, Output& output);
    Result<> flush(Output& output);
    Result<> finish(Output& output);

    class Work;

private:
    std::unique_ptr<Work> work_;
    bool finished_ = false;
};

}  // namespace bine::compression
