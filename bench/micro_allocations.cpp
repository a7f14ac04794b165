// How often the operations of micro_cases.h allocate once they are warm: it replaces malloc by one that counts. (A program
// of its own, because counting makes the unit of `micro` dearer.) Prints one line of JSON a case.
#include <cstdio>
#include <string_view>

#include "micro_cases.h"

namespace {

std::uint64_t allocations = 0;

}  // namespace

extern "C" {
// glibc's own, under the names that stay when the others are replaced.
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t size) noexcept {
    ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    ++allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) noexcept {
    ++allocations;
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++allocations;
    return __libc_memalign(alignment, size);
}
}

namespace bench {
namespace {

class Count {
public:
    template <class F>
    void measure(std::string_view name, double, F&& run) const {
        run(kTimes);
        const std::uint64_t before = allocations;
        run(kTimes);
        const double each = static_cast<double>(allocations - before) / kTimes;
        std::printf("{\"case\": \"%.*s\", \"allocations\": %g}\n", static_cast<int>(name.size()), name.data(), each);
    }

private:
    static constexpr std::size_t kTimes = 100'000;
};

// Were malloc not replaced, everything would seem to allocate nothing.
bool counts() {
    const std::uint64_t before = allocations;
    auto owned = std::make_unique<int>(1);
    escape(owned.get());
    return allocations == before + 1;
}

}  // namespace
}  // namespace bench

int main() {
    if (!bench::counts()) {
        std::fputs("micro_allocations: malloc is not counted here\n", stderr);
        return 1;
    }
    bench::Count count;
    bench::measure_all(count);
}
