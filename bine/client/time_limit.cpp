#include "bine/client/time_limit.h"

namespace bine::http {

std::string in_words(Duration time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    if (ms < 1000) return std::to_string(ms) + " ms";
    if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + " min";
    std::string text = std::to_string(ms / 1000);
    if (ms % 1000 != 0) text += "." + std::to_string(ms % 1000 / 100);
    return text + " s";
}

}  // namespace bine::http
