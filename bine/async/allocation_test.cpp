// What Deferreds cost, counted in allocations and not in time. A sanitizer has its own malloc: there the same work runs
// uncounted.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <utility>

#include "bine/async/deferred.h"
#include "bine/async/queue.h"
#include "bine/async/sleep.h"
#include "bine/testing/manual_clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BINE_SANITIZED 1
#endif
#endif

namespace {

thread_local long allocations = 0;

}  // namespace

#ifndef BINE_SANITIZED
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
    ++allocations;
    return __libc_malloc(size);
}
#endif

using namespace bine;
using namespace std::chrono_literals;

namespace {

template <class F>
long allocations_of(F&& work) {
    for (int i = 0; i < 100; ++i) work();
    const long before = allocations;
    for (int i = 0; i < 1000; ++i) work();
    return allocations - before;
}

Deferred<int> plus_one(Deferred<int> below) {
    const int value = co_await std::move(below);
    co_return value + 1;
}

}  // namespace

#ifndef BINE_SANITIZED
TEST_CASE("the counter counts") {
    CHECK(allocations_of([] { ::operator delete(::operator new(8)); }) == 1000);
}
#endif

TEST_CASE("in steady state promises, callbacks and coroutines allocate nothing") {
    CHECK(allocations_of([] {
              Promise<int> promise;
              auto chain = plus_one(plus_one(promise.deferred()).then([](int value) { return value; }));
              std::move(promise).resolve(1);
          }) == 0);
}

TEST_CASE("nor do cancellation, sleeping and queues") {
    testing::ManualClock clock;
    Queue<int> queue(8);
    CHECK(allocations_of([&] {
              Promise<int> promise;
              promise.on_cancel([]() noexcept {});
              {
                  auto chain = plus_one(promise.deferred());
              }
              auto nap = sleep(clock, 1s);
              clock.advance(1s);
              auto item = queue.get();
              queue.put(1).detach();
              if (item.done()) (void)std::move(item).result();
          }) == 0);
}
