#include "bine/http/middleware.h"

#include "bine/http/dispatch.h"

namespace bine::http {

Deferred<Response> Next::operator()() { return Dispatch::run_later(*request_, *handler_, index_); }

}  // namespace bine::http
