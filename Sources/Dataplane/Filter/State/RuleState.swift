/// Something that rules remember between packets: a bucket, a list, a set. It is shared by all workers.
///
/// The object belongs to the slow side, which keeps it as long as any ruleset that names it may be in force, and frees its memory with
/// it. The packet path never sees the object (it would count references), only a flat view of its memory that lies in
/// `CompiledRules`.
public protocol RuleState: AnyObject, Sendable {}
