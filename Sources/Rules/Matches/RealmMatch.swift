/// `-m realm`: the realm of the route to the destination (kernel: xt_realm.c).
public struct RealmMatch: MatchExtension {
    public var realm: Negatable<MaskedValue>

    public init(realm: Negatable<MaskedValue>) { self.realm = realm }

    public static let description = ExtensionDescription(
        .match, "realm", summary: "realm of the route",
        options: [OptionDescription("realm", canNegate: true)], hooks: [.input, .forward, .output, .postrouting],
        scope: .flow, status: .acts)

    public var match: Match { .realm(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("realm")
        realm = Negatable(try options.namedValue(given, .realms), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.namedValue("realm", realm, .realms)
    }
}

extension GivenOptions {
    /// `VALUE[/MASK]`, or a name for a value.
    func namedValue(_ given: GivenOption, _ names: NumberedNames) throws(RuleError) -> MaskedValue {
        let text = given.argument.text
        guard let value = MaskedValue(parsing: text) ?? names.number(of: text).map({ MaskedValue($0) }) else {
            throw RuleError(
                "\(extensionName): could not map name \(text) to an integer value for option \"--\(given.name)\"",
                at: given.argument)
        }
        return value
    }
}

extension RulePrinter {
    mutating func namedValue(_ option: String, _ value: Negatable<MaskedValue>, _ names: NumberedNames) {
        let name = value.value.mask == .max ? names.name(of: value.value.value) : nil
        self.option(option, isNegated: value.isNegated, name ?? value.value.description)
    }
}
