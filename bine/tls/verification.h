// Why a certificate is not believed, in words. Inner part of the layer.
#pragma once

#include <openssl/x509_vfy.h>

#include <string_view>

#include "bine/base/error.h"
#include "bine/base/time.h"

namespace bine::tls {

// `store` has just failed to verify a chain for `name` (empty: for nobody by name) at `now`.
Error verification_error(X509_STORE_CTX& store, std::string_view name, WallTime now);

// "3 days", "2 hours", "1 minute": of the largest unit.
std::string rough_length(Duration length);

}  // namespace bine::tls
