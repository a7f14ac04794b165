// Promises as tests of any framework can check them: one that does not hold throws a Breach, which says where.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "bine/base/place.h"

namespace bine::testing {

class Breach : public std::runtime_error {
public:
    Breach(std::string_view what, const Place& place);
};

void expect(bool holds, std::string_view what, Place place = Place::current());

// Numbers, and texts, of which the first difference is told.
void expect_same_number(int64_t found, int64_t wanted, std::string_view what, Place place);
template <class A, class B>
    requires std::is_integral_v<A> && std::is_integral_v<B>
void expect_equal(A found, B wanted, std::string_view what, Place place = Place::current()) {
    expect_same_number(static_cast<int64_t>(found), static_cast<int64_t>(wanted), what, place);
}
void expect_equal(std::string_view found, std::string_view wanted, std::string_view what,
                  Place place = Place::current());

// `size` bytes that are the same for the same `seed`, and in which a byte lost, doubled or moved shows.
std::string pattern(std::size_t size, uint64_t seed = 1);

}  // namespace bine::testing
