// A test aid: input whose front becomes unreadable, so that a parser that scans a byte twice is killed by it.
//
//     GuardedInput input;                         // 'x' up to the end
//     CHECK(line.next(input.first(), event) == Step::need_more);
//     input.forbid_front();                       // all but the last kTail bytes of first()
//     CHECK(line.next(input.whole(), event) == Step::need_more);
#pragma once

#include <cstddef>
#include <string_view>

namespace bine::wire {

class GuardedInput {
public:
    static constexpr std::size_t kTail = 64;  // bytes of first() that stay readable

    explicit GuardedInput(char fill = 'x');
    GuardedInput(const GuardedInput&) = delete;
    GuardedInput& operator=(const GuardedInput&) = delete;
    ~GuardedInput();

    // Writable until forbid_front().
    char* data() noexcept { return memory_; }
    std::string_view first() const noexcept { return {memory_, page_ + kTail}; }
    std::string_view whole() const noexcept { return {memory_, 2 * page_}; }

    // From now on the first page may not be touched; what lies behind it can still be written.
    void forbid_front() noexcept;
    void allow_front() noexcept;
    std::size_t page() const noexcept { return page_; }

private:
    std::size_t page_;
    char* memory_;
};

}  // namespace bine::wire
