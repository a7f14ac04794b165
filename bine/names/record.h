// What name servers are asked for, and what they answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bine/base/time.h"
#include "bine/driver/address.h"

namespace bine::names {

// The numbers of RFC 1035, 3596 and 2782.
enum class RecordType : uint16_t { a = 1, ptr = 12, txt = 16, aaaa = 28, srv = 33 };

std::string_view to_string(RecordType type) noexcept;  // "AAAA"

// Where a service is offered (SRV, RFC 2782): lower priorities are tried first, higher weights among them more often.
struct Service {
    std::string host;
    uint16_t port = 0;
    uint16_t priority = 0;
    uint16_t weight = 0;
    friend bool operator==(const Service&, const Service&) = default;
};

// What there is of one type under one name. Names within are written as RFC 1035 does, "\." and "\000" for odd bytes.
struct Records {
    enum class Outcome : uint8_t { found, no_such_name, no_such_record };

    Outcome outcome = Outcome::found;
    std::vector<Address> addresses;  // A, AAAA; without a port
    std::vector<Service> services;   // SRV, as they came
    std::vector<std::string> texts;  // TXT: the strings of a record are one; PTR: names
    std::string alias;               // the name that it is an alias of, if it is one
    std::string server;              // who said it
    // How long it holds; for what there is not, as RFC 2308 says, 0 when the server does not tell.
    Duration ttl{0};
};

}  // namespace bine::names
