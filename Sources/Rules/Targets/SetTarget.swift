/// `-j SET`: put addresses and ports of the packet into a set, take them out, or take over what the set says of them
/// (kernel: xt_set.c, SET revision 3).
public struct SetTarget: TargetExtension {
    public var add: SetReference?
    public var delete: SetReference?
    public var map: SetReference?
    /// What is there already is set anew, its timeout too.
    public var replacesExisting: Bool
    /// Seconds; nil for the set's default.
    public var timeout: UInt32?
    public var mapsMark: Bool
    public var mapsPriority: Bool
    /// Without effect, as the priority: a worker sends on the queue that it owns, past all queueing disciplines.
    public var mapsQueue: Bool

    public init(
        add: SetReference? = nil, delete: SetReference? = nil, map: SetReference? = nil, replacesExisting: Bool = false,
        timeout: UInt32? = nil, mapsMark: Bool = false, mapsPriority: Bool = false, mapsQueue: Bool = false
    ) {
        self.add = add
        self.delete = delete
        self.map = map
        self.replacesExisting = replacesExisting
        self.timeout = timeout
        self.mapsMark = mapsMark
        self.mapsPriority = mapsPriority
        self.mapsQueue = mapsQueue
    }

    public static let description = ExtensionDescription(
        .target, "SET", summary: "change or read a set",
        options: [
            OptionDescription("add-set", arguments: 2), OptionDescription("del-set", arguments: 2),
            OptionDescription("map-set", arguments: 2), OptionDescription("exist", arguments: 0),
            OptionDescription("timeout"), OptionDescription("map-mark", arguments: 0),
            OptionDescription("map-prio", arguments: 0), OptionDescription("map-queue", arguments: 0),
        ], scope: .packet, status: .acts)

    public var target: Target { .set(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        add = try options["add-set"].map { option throws(RuleError) in try SetReference(option) }
        delete = try options["del-set"].map { option throws(RuleError) in try SetReference(option) }
        map = try options["map-set"].map { option throws(RuleError) in try SetReference(option) }
        guard add != nil || delete != nil || map != nil else {
            throw RuleError(
                "You must specify either `--add-set' or `--del-set' or `--map-set'", at: options.word)
        }
        if add == nil, let given = options["exist"] ?? options["timeout"] {
            throw RuleError("\(given.name == "exist" ? "Flag" : "Option") `--\(given.name)' can be used with `--add-set' only", at: given.word)
        }
        replacesExisting = options.contains("exist")
        // Milliseconds have 32 bits in the kernel, so far fewer seconds fit.
        if let given = options["timeout"] { timeout = try options.number(given, UInt32(0)...(UInt32.max - 1)) }
        mapsMark = options.contains("map-mark")
        mapsPriority = options.contains("map-prio")
        mapsQueue = options.contains("map-queue")
        let mapsSomething = mapsMark || mapsPriority || mapsQueue
        if map == nil, mapsSomething {
            throw RuleError(
                "Flags `--map-mark', `--map-prio' and `--map-queue' go with `--map-set' only", at: options.word)
        }
        if map != nil, !mapsSomething {
            throw RuleError(
                "You must specify flags `--map-mark' or '--map-prio` or `--map-queue'", at: options["map-set"]?.word)
        }
    }

    public func check(at place: RulePlace) throws(RuleError) {
        guard map != nil else { return }
        if place.table != .mangle { throw RuleError("SET: --map-set only usable from mangle table", exitCode: 1) }
        if mapsPriority || mapsQueue, !place.hooks.isSubset(of: [.forward, .output, .postrouting]) {
            throw RuleError(
                "SET: mapping of prio or/and queue is allowed only from OUTPUT/FORWARD/POSTROUTING chains", exitCode: 1)
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let add {
            printer.option("add-set", add.description)
            if replacesExisting { printer.option("exist") }
            if let timeout { printer.option("timeout", String(timeout)) }
        }
        if let delete { printer.option("del-set", delete.description) }
        if let map { printer.option("map-set", map.description) }
        if mapsMark { printer.option("map-mark") }
        if mapsPriority { printer.option("map-prio") }
        if mapsQueue { printer.option("map-queue") }
    }
}
