#include "bine/python/real_world.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "bine/sim/forbidden.h"

namespace bine::sim {

// For programs in C++ these keep the real world out; here it is done for all of the process.
RealWorldForbidden::RealWorldForbidden() noexcept = default;
RealWorldForbidden::~RealWorldForbidden() {}

}  // namespace bine::sim

namespace bine::python {

namespace {

thread_local UnrealWorld* world_here = nullptr;

constexpr int64_t kSecond = 1'000'000'000;

template <class Time>
timespec to_timespec(Time time) noexcept {
    const int64_t nanoseconds = time.time_since_epoch().count();
    return {static_cast<time_t>(nanoseconds / kSecond), static_cast<long>(nanoseconds % kSecond)};
}

// The C library's own, looked up once.
template <class F>
F* real(const char* name) noexcept {
    return reinterpret_cast<F*>(::dlsym(RTLD_DEFAULT, name));
}

int answer_clock_gettime(clockid_t clock, timespec* time) noexcept {
    static auto* const really = real<int(clockid_t, timespec*)>("clock_gettime");
    if (!world_here) return really(clock, time);
    const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    *time = wall ? to_timespec(world_here->wall_now()) : to_timespec(world_here->now());
    return 0;
}

int answer_gettimeofday(timeval* time, void* zone) noexcept {
    static auto* const really = real<int(timeval*, void*)>("gettimeofday");
    if (!world_here) return really(time, zone);
    const timespec now = to_timespec(world_here->wall_now());
    *time = {now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t answer_time(time_t* place) noexcept {
    static auto* const really = real<time_t(time_t*)>("time");
    if (!world_here) return really(place);
    const time_t now = to_timespec(world_here->wall_now()).tv_sec;
    if (place) *place = now;
    return now;
}

ssize_t answer_getrandom(void* bytes, size_t count, unsigned flags) noexcept {
    static auto* const really = real<ssize_t(void*, size_t, unsigned)>("getrandom");
    if (!world_here) return really(bytes, count, flags);
    world_here->random(static_cast<char*>(bytes), count);
    return static_cast<ssize_t>(count);
}

int answer_getentropy(void* bytes, size_t count) noexcept {
    static auto* const really = real<int(void*, size_t)>("getentropy");
    if (!world_here) return really(bytes, count);
    world_here->random(static_cast<char*>(bytes), count);
    return 0;
}

int answer_socket(int domain, int type, int protocol) noexcept {
    static auto* const really = real<int(int, int, int)>("socket");
    if (!world_here) return really(domain, type, protocol);
    errno = EPERM;
    return -1;
}

// OpenSSL has a generator of its own, of which Python's ssl is a user: its door for another one is that of OpenSSL 1.
struct RandomMethod {
    int (*seed)(const void*, int);
    int (*bytes)(unsigned char*, int);
    void (*cleanup)();
    int (*add)(const void*, int, double);
    int (*pseudo_bytes)(unsigned char*, int);
    int (*status)();
};
const RandomMethod* openssl_random = nullptr;

int answer_tls(unsigned char* bytes, int count) noexcept {
    if (!world_here) return openssl_random->bytes(bytes, count);
    world_here->random(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(count));
    return 1;
}

void replace_in_openssl() noexcept {
    static const RandomMethod kOfWorlds{nullptr, answer_tls, nullptr, nullptr, answer_tls, [] { return 1; }};
    void* const library = openssl_random ? nullptr : ::dlopen("libcrypto.so.3", RTLD_NOLOAD | RTLD_LAZY);
    if (!library) return;
    const auto own = reinterpret_cast<const RandomMethod* (*)()>(::dlsym(library, "RAND_OpenSSL"));
    const auto set = reinterpret_cast<int (*)(const RandomMethod*)>(::dlsym(library, "RAND_set_rand_method"));
    if (!own || !set) return;
    openssl_random = own();
    set(&kOfWorlds);
}

struct Replacement {
    std::string_view name;
    void* by;
};

template <class F>
void* address(F* function) noexcept {
    return reinterpret_cast<void*>(function);
}

const Replacement* replacement_of(std::string_view name) noexcept {
    static const Replacement all[] = {
        {"clock_gettime", address(&answer_clock_gettime)},
        {"gettimeofday", address(&answer_gettimeofday)},
        {"time", address(&answer_time)},
        {"getrandom", address(&answer_getrandom)},
        {"getentropy", address(&answer_getentropy)},
        {"socket", address(&answer_socket)},
    };
    for (const Replacement& one : all) {
        if (one.name == name) return &one;
    }
    return nullptr;
}

// What a number that the dynamic linker gives is the address of.
template <class T>
T* at(ElfW(Addr) address) noexcept {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// One loaded object: its tables, as the dynamic linker knows them.
struct LoadedObject {
    explicit LoadedObject(const dl_phdr_info& info) noexcept : base(info.dlpi_addr) {
        for (int i = 0; i < info.dlpi_phnum; ++i) {
            const ElfW(Phdr)& segment = info.dlpi_phdr[i];
            if (segment.p_type == PT_DYNAMIC) read(at<const ElfW(Dyn)>(base + segment.p_vaddr));
        }
    }

    void read(const ElfW(Dyn) * entry) noexcept {
        for (; entry->d_tag != DT_NULL; ++entry) {
            switch (entry->d_tag) {
                case DT_SYMTAB: symbols = at<const ElfW(Sym)>(place(entry->d_un.d_ptr)); break;
                case DT_STRTAB: names = at<const char>(place(entry->d_un.d_ptr)); break;
                case DT_JMPREL: calls = at<const ElfW(Rela)>(place(entry->d_un.d_ptr)); break;
                case DT_PLTRELSZ: call_bytes = entry->d_un.d_val; break;
                case DT_RELA: others = at<const ElfW(Rela)>(place(entry->d_un.d_ptr)); break;
                case DT_RELASZ: other_bytes = entry->d_un.d_val; break;
                default: break;
            }
        }
    }

    // The dynamic linker has added the base to these, but in objects that it may not write to.
    ElfW(Addr) place(ElfW(Addr) pointer) const noexcept { return pointer < base ? base + pointer : pointer; }

    ElfW(Addr) base;
    const ElfW(Sym) * symbols = nullptr;
    const char* names = nullptr;
    const ElfW(Rela) * calls = nullptr;
    const ElfW(Rela) * others = nullptr;
    std::size_t call_bytes = 0;
    std::size_t other_bytes = 0;
};

bool is_function_entry(ElfW(Xword) info) noexcept {
#if defined(__x86_64__)
    return ELF64_R_TYPE(info) == R_X86_64_JUMP_SLOT || ELF64_R_TYPE(info) == R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
    return ELF64_R_TYPE(info) == R_AARCH64_JUMP_SLOT || ELF64_R_TYPE(info) == R_AARCH64_GLOB_DAT;
#else
    return (void)info, false;
#endif
}

// Tables are often read-only once an object has been loaded; whoever reads them meanwhile sees the old entry or the new one.
void set_entry(void** entry, void* value) noexcept {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    void* const start = reinterpret_cast<std::byte*>(entry) - reinterpret_cast<std::uintptr_t>(entry) % page;
    if (::mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

void replace_in(const LoadedObject& object, const ElfW(Rela) * table, std::size_t bytes) noexcept {
    if (!table || !object.symbols || !object.names) return;
    for (std::size_t i = 0; i < bytes / sizeof(ElfW(Rela)); ++i) {
        const ElfW(Rela)& one = table[i];
        if (!is_function_entry(one.r_info)) continue;
        const Replacement* found = replacement_of(object.names + object.symbols[ELF64_R_SYM(one.r_info)].st_name);
        if (!found) continue;
        auto** const entry = at<void*>(object.base + one.r_offset);
        if (*entry != found->by) set_entry(entry, found->by);
    }
}

int replace_in_object(dl_phdr_info* info, size_t, void*) noexcept {
    const std::string_view name = info->dlpi_name ? info->dlpi_name : "";
    if (name.find("linux-vdso") != name.npos || name.find("/libc.so") != name.npos || name.find("/ld-") != name.npos)
        return 0;
    const LoadedObject object(*info);
    replace_in(object, object.calls, object.call_bytes);
    replace_in(object, object.others, object.other_bytes);
    return 0;
}

int count_loaded(dl_phdr_info* info, size_t, void* count) noexcept {
    *static_cast<unsigned long long*>(count) = info->dlpi_adds;
    return 1;
}

// In whatever has been loaded since the last time, too.
void replace_everywhere() noexcept {
    static unsigned long long seen = 0;
    unsigned long long loaded = 0;
    ::dl_iterate_phdr(count_loaded, &loaded);
    if (std::exchange(seen, loaded) == loaded) return;
    ::dl_iterate_phdr(replace_in_object, nullptr);
    replace_in_openssl();
}

}  // namespace

UnrealWorld* put_in_place(UnrealWorld* world) {
    if (world) replace_everywhere();
    return std::exchange(world_here, world);
}

UnrealWorld* unreal_world() noexcept { return world_here; }

}  // namespace bine::python
