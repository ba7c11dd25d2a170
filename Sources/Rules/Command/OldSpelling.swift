/// Spellings of older iptables that people still copy, and today's.
enum OldSpelling {
    private static let options: KeyValuePairs<String, String> = [
        "ctreplysrc": "--ctreplsrc", "ctreplydst": "--ctrepldst", "ctorigsrcip": "--ctorigsrc",
        "ctorigdstip": "--ctorigdst", "check": "--rcheck", "to-dest": "--to-destination",
    ]

    static func hint(forOption name: String) -> String? {
        if name == "mark" { return "write --set-mark VALUE, or -m mark --mark VALUE for a condition" }
        return options.first { $0.key == name }.map { "today it is spelled \($0.value)" }
    }

    private static let matches: KeyValuePairs<String, String> = [
        "mport": "multiport", "nth": "statistic --mode nth", "random": "statistic --mode random",
        "childlevel": "helper", "iplimit": "connlimit",
    ]

    static func hint(forMatch name: String) -> String? {
        matches.first { $0.key == name }.map { "today it is spelled -m \($0.value)" }
    }
}
