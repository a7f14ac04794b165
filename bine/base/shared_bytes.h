// Bytes that several have. Copies may be used by several threads, one of them by one at a time.
#pragma once

#include <string>
#include <string_view>

#include "bine/base/ref.h"

namespace bine {

// Immutable bytes with several owners: a prepared message, a cached file.
class SharedBytes {
public:
    static SharedBytes copy(std::string_view bytes);
    static SharedBytes take(std::string bytes);

    std::string_view view() const noexcept { return block_ ? std::string_view(block_->bytes) : std::string_view(); }

private:
    friend class Output;
    struct Block final : Counted {
        explicit Block(std::string owned) : bytes(std::move(owned)) {}
        const std::string bytes;
    };
    Ref<Block> block_;
};

}  // namespace bine
