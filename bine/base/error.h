// What went wrong: a code for programs, a sentence for people, the place it was noticed, and what caused it.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "bine/base/place.h"
#include "bine/base/ref.h"

namespace bine {

// Codes of bine's own; what the system refuses keeps its errno in std::system_category().
enum class Errc : uint8_t {
    closed = 1,          // the connection, queue or listener has been closed on our side
    end_of_stream,       // the other side ended before what was asked for came
    timed_out,           // a deadline passed
    cancelled_by_scope,  // a scope that the operation ran in was cancelled
    limit_exceeded,      // more bytes, items or work than is allowed
    remote_protocol,     // the other side broke the protocol
    local_protocol,      // this side asked for what the protocol or the state does not allow
    invalid_argument,    // a value that cannot be used; the text says which and what would do
    not_found,           // a name that nobody knows; the text lists what is known
    not_trusted,         // somebody could not show who they are: a certificate that is not believed
    unsupported,         // this driver, platform or build cannot do it
    resolved_twice,      // a Promise was used again
    cancelled,           // nobody waited for the result any more
    broken,              // an invariant of bine itself does not hold: a bug
};

const std::error_category& category() noexcept;
inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), category()}; }

// An error value. Cheap to move and copy (one counted block, made once), immutable, usable from any thread.
// It is also what `co_await` throws. An empty (moved-from) Error may only be assigned to or destroyed.
class Error : public std::exception {
public:
    Error(std::error_code code, std::string_view text, Place place = Place::current()) noexcept;
    Error(Errc code, std::string_view text, Place place = Place::current()) noexcept;

    Error(const Error&) noexcept;
    Error(Error&&) noexcept;
    Error& operator=(const Error&) noexcept;
    Error& operator=(Error&&) noexcept;
    ~Error() override;

    // `text` says what was tried; the system's words for `number` follow it.
    static Error from_errno(int number, std::string_view text, Place place = Place::current()) noexcept;
    // Wraps any exception; an Error comes back as it was. rethrow() then throws the original.
    static Error from_exception(std::exception_ptr cause, Place place = Place::current()) noexcept;
    static Error from_current_exception(Place place = Place::current()) noexcept;
    // What std::bad_alloc becomes, and every error that there is no memory to make: ENOMEM. Making one never throws.
    static Error out_of_memory() noexcept { return Error(Ref<Block>()); }

    // The same error with "`what`: " before its text, for the layer that knows what was being done.
    Error with_context(std::string_view what) const;

    std::error_code code() const noexcept { return block().code; }
    // One sentence without a newline: what was tried, then why it failed.
    const std::string& text() const noexcept { return block().text; }
    const Place& place() const noexcept { return block().place; }
    std::exception_ptr cause() const noexcept { return block().cause; }
    const char* what() const noexcept override { return text().c_str(); }

    bool is(Errc code) const noexcept { return this->code() == make_error_code(code); }
    bool is_errno(int number) const noexcept { return code() == std::error_code(number, std::system_category()); }

    // Throws the cause when there is one, this Error otherwise.
    [[noreturn]] void rethrow() const;

private:
    struct Block final : Counted {
        Block(std::error_code c, std::string t, Place p, std::exception_ptr e = nullptr)
            : code(c), text(std::move(t)), place(p), cause(std::move(e)) {}

        const std::error_code code;
        const std::string text;
        const Place place;
        const std::exception_ptr cause;
    };
    explicit Error(Ref<Block> block) noexcept : block_(std::move(block)) {}
    const Block& block() const noexcept;

    Ref<Block> block_;
};

// "bine/net/tcp.cpp:57", without the folders above the source tree.
std::string to_string(const Place& place);

}  // namespace bine

template <>
struct std::is_error_code_enum<bine::Errc> : std::true_type {};
