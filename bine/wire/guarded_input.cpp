#include "bine/wire/guarded_input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace bine::wire {

GuardedInput::GuardedInput(char fill) : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* mapped = ::mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<char*>(mapped);
    std::memset(memory_, fill, 2 * page_);
}

GuardedInput::~GuardedInput() { ::munmap(memory_, 2 * page_); }

void GuardedInput::forbid_front() noexcept { ::mprotect(memory_, page_, PROT_NONE); }
void GuardedInput::allow_front() noexcept { ::mprotect(memory_, page_, PROT_READ | PROT_WRITE); }

}  // namespace bine::wire
