#include "bine/async/task_group.h"

#include "bine/base/log.h"

namespace bine {

GroupTask::GroupTask(std::size_t bytes, TaskGroup& group, const Place& made) noexcept
    : Branch(kConsumer | kBody, kValue | kError | kCancelled, bytes, made, group.stage_), group_(&group) {
    keep_context();
}

void GroupTask::adopt_failure() noexcept {
    auto* failure = make_stage<SourceStage<void>>(uint8_t{kConsumer}, made());
    failure->set_exception(std::current_exception());
    adopt(*failure);
}

void GroupTask::resume() noexcept {
    Stage& child = take_child();
    set_value();
    if (group_) group_->task_ended(*this, child);
    child.release(kConsumer);
}

TaskGroup::~TaskGroup() {
    closed_ = true;
    while (GroupTask* task = tasks_.pop_front()) {
        task->group_ = nullptr;
        task->drop();
    }
    if (error_) {
        log::error(
            "async", "nobody joined a task group for its error",
            {{"error", error_->text()}, {"made", to_string(stage_->made())}, {"raised", to_string(error_->place())}});
    }
    stage_->release(Stage::kConsumer);
}

// The task's own words may destroy the group: then the task has none any more.
bool TaskGroup::launch(GroupTask& task) noexcept {
    tasks_.push_back(task);
    ++size_;
    task.begin_launch();
    task.launch();
    if (task.group_ && closed_) task.child()->cancel();
    task.suspend();
    return true;
}

void TaskGroup::task_ended(GroupTask& task, Stage& child) noexcept {
    task.unlink();
    --size_;
    const bool failed = child.outcome() == Outcome::error || child.outcome() == Outcome::exception;
    if (failed && !error_) {
        error_ = child.take_error();
        cancel();
    }
    task.release(Stage::kConsumer);
    report();
}

void TaskGroup::report() noexcept {
    if (size_ > 0 || !joiner_ || !joiner_->wanted()) return;
    Promise<> joiner = std::move(*joiner_);
    joiner_.reset();
    if (!error_) return std::move(joiner).resolve();
    Error error = std::move(*error_);
    error_.reset();
    std::move(joiner).fail(std::move(error));
}

Deferred<> TaskGroup::join(Place place) {
    joiner_.emplace(place);
    auto joined = joiner_->deferred();
    report();
    return joined;
}

void TaskGroup::cancel() noexcept {
    closed_ = true;
    const ChainBatch batch;
    tasks_.for_each([](GroupTask& task) {
        if (Stage* child = task.child()) child->cancel();
    });
}

}  // namespace bine
