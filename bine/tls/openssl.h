// OpenSSL's objects with owners, and its errors in words. Inner part of the layer.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "bine/base/error.h"
#include "bine/base/time.h"

namespace bine::tls {

template <auto kFree>
struct Free {
    template <class T>
    void operator()(T* object) const noexcept {
        kFree(object);
    }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Free<kFree>>;

using OwnedBio = Owned<BIO, BIO_free_all>;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedX509 = Owned<X509, X509_free>;
using OwnedContext = Owned<SSL_CTX, SSL_CTX_free>;
using OwnedSsl = Owned<SSL, SSL_free>;
using OwnedSession = Owned<SSL_SESSION, SSL_SESSION_free>;
using OwnedNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

// Empties the thread's queue of errors and answers the first one's words: "no start line".
std::string take_openssl_error();
// A failure of a call that has no reason to fail but what it was given, or memory.
Error openssl_error(Errc code, std::string_view text, Place place = Place::current());
// What a handshake or a record failed of, from the thread's queue, in words for people.
Error protocol_error(std::string_view doing);

WallTime wall_time_of(const ASN1_TIME* time);
// "2026-11-24 10:00 UTC".
std::string date_of(WallTime time);

}  // namespace bine::tls
