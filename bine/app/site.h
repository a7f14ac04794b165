// The example site that `bine serve` shows without a folder: pages out of bine/app/site/, built into the program, and the
// small endpoints that they call. Confined to the reactor's thread.
//
//     GET /api/hello     "hello"
//     GET /api/facts     what serves, for how long, how often
//     GET /api/request   the request as the server understood it
//     GET /api/count     1 to 20, one line every 150 ms: an answer that takes its time
#pragma once

#include "bine/http/handler.h"

namespace bine::app {

http::Handler example_site();

}  // namespace bine::app
