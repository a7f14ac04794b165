// What is accepted as a URL is written in a form that is accepted again and says the same, and that can stand in a request.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bine/wire/http1/request_encoder.h"
#include "bine/wire/url.h"

namespace {

void check(const bine::Url& url) {
    const bine::Result<bine::Url> again = bine::Url::parse(url.with_credentials());
    if (url.host().find('%') != std::string::npos) return;  // a zone is not written
    if (!again || !(*again == url)) std::abort();
    bine::Output output;
    bine::http1::RequestEncoder encoder;
    if (!encoder.head({.target = url.target(), .host = url.authority()}, output)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const bine::Result<bine::Url> url = bine::Url::parse(input);
    if (url) check(*url);
    static const bine::Url base = *bine::Url::parse("http://u:p@a/b/c/d;p?q");
    if (const bine::Result<bine::Url> resolved = base.resolve(input)) check(*resolved);
    return 0;
}
