// A table from whole paths to what they stand for: one look, however many there are. Filled once, then asked.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bine::http {

// Owns the paths, not the values. A path is put in once.
template <class T>
class PathTable {
public:
    T* find(std::string_view path) const noexcept {
        if (slots_.empty()) return nullptr;
        for (std::size_t at = hash(path);; ++at) {
            const Slot& slot = slots_[at & (slots_.size() - 1)];
            if (!slot.value || slot.path == path) return slot.value;
        }
    }

    void put(std::string_view path, T& value) {
        if (++count_ * 2 > slots_.size()) grow();
        place({std::string(path), &value});
    }

private:
    struct Slot {
        std::string path;
        T* value = nullptr;  // null: nothing is here
    };

    // Not against collisions made on purpose: who asks chooses what is looked for, not what is here.
    static std::size_t hash(std::string_view path) noexcept {
        const char* at = path.data();
        uint64_t mixed = path.size();
        for (std::size_t left = path.size(); left > 8; left -= 8, at += 8) mixed = mix(mixed ^ word<uint64_t>(at));
        if (path.size() >= 8) {
            mixed ^= word<uint64_t>(path.data() + path.size() - 8);
        } else if (path.size() >= 4) {
            mixed ^= uint64_t{word<uint32_t>(at)} << 32 | word<uint32_t>(at + path.size() - 4);
        } else {
            for (const char c : path) mixed = mixed << 8 | static_cast<uint8_t>(c);
        }
        return static_cast<std::size_t>(mix(mixed));
    }
    static uint64_t mix(uint64_t word) noexcept {
        word *= 0x9e3779b97f4a7c15u;
        return word ^ word >> 32;
    }
    template <class Word>
    static Word word(const char* at) noexcept {
        Word result = 0;
        std::memcpy(&result, at, sizeof result);
        return result;
    }

    void place(Slot slot) noexcept {
        std::size_t at = hash(slot.path);
        while (slots_[at & (slots_.size() - 1)].value) ++at;
        slots_[at & (slots_.size() - 1)] = std::move(slot);
    }

    void grow() {
        std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 16 : 2 * slots_.size()));
        for (Slot& slot : before) {
            if (slot.value) place(std::move(slot));
        }
    }

    std::vector<Slot> slots_;  // as many as a power of two, half of them empty
    std::size_t count_ = 0;
};

}  // namespace bine::http
