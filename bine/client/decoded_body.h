// The body of an answer with its content codings undone as it is read. Inner part of the client.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bine/client/client_response.h"
#include "bine/compression/decoder.h"

namespace bine::http {

class DecodedBody final : public BodySource {
public:
    DecodedBody(std::unique_ptr<BodySource> coded, compression::Decoder decoder)
        : coded_(std::move(coded)), decoder_(std::move(decoder)) {}

    Deferred<std::string> read() override;
    http1::HeaderList trailers() const noexcept override { return coded_->trailers(); }
    Result<> upgrade(std::unique_ptr<Protocol> next) override { return coded_->upgrade(std::move(next)); }

private:
    Result<std::string> inflate();

    std::unique_ptr<BodySource> coded_;
    compression::Decoder decoder_;
    std::string piece_;  // coded, of which `used_` bytes have been taken
    std::size_t used_ = 0;
    std::optional<Error> error_;
    bool ended_ = false;
};

}  // namespace bine::http
