use super::*;
use proptest::prelude::*;

fn reading(id: &str, value: f64) -> Reading {
    Reading::fact(
        id,
        crate::why::Why::given(id),
        Kind::Temperature,
        Unit::Celsius,
        Ok(value),
    )
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::open(&folder.path().join("state.redb")).expect("a file");
    (folder, memory)
}

fn ask(courses: &Courses, memory: &Memory, id: &str, span: Span) -> Vec<Option<Point>> {
    let pending = courses.ask(&[id.to_owned()], span);
    let answer = pending.into_iter().next().expect("a course").finish(Some(memory));
    answer.expect("an answer").points
}

#[test]
fn spans_take_the_finest_step_that_is_still_kept() {
    let now = 1_700_000_000;
    assert_eq!(Span::over(now - 600, now, now, 500).step, 10);
    assert_eq!(Span::over(now - 3_600, now, now, 100).step, 40);
    assert_eq!(Span::over(now - 86_400, now, now, 500).step, 180);
    assert_eq!(Span::over(now - 30 * 86_400, now, now, 2_000).step, 3_600);
    // an hour of last month is known by the hour alone
    assert_eq!(
        Span::over(now - 30 * 86_400, now - 30 * 86_400 + 3_600, now, 2_000).step,
        3_600
    );
    let span = Span::over(now, now, now, 0);
    assert!(span.steps >= 1 && span.step >= 10);
}

#[test]
fn gaps_stay_gaps_and_states_have_no_course() {
    let mut courses = Courses::default();
    let t = 1_700_000_000;
    courses.push(t, &[reading("t", 20.0)]);
    courses.push(
        t + 30,
        &[
            reading("t", 21.0),
            Reading::fact(
                "link",
                crate::why::Why::given("link"),
                Kind::State,
                Unit::Boolean,
                Ok(1.0),
            ),
            Reading::fact(
                "gone",
                crate::why::Why::given("gone"),
                Kind::Fan,
                Unit::Rpm,
                Err(crate::NoData::NotPresent),
            ),
        ],
    );
    assert!(courses.has("t") && !courses.has("link") && !courses.has("gone"));
    let (_folder, memory) = memory();
    let span = Span::over(t, t + 40, t + 40, 100);
    let means: Vec<_> = ask(&courses, &memory, "t", span)
        .iter()
        .map(|p| p.map(|p| p.mean))
        .collect();
    assert_eq!(means, [Some(20.0), None, None, Some(21.0)]);
}

#[test]
fn a_restart_goes_on_in_the_same_chunk() {
    let (_folder, memory) = memory();
    let t = 1_700_000_000 / 86_400 * 86_400;
    let mut courses = Courses::default();
    for minute in 0..30 {
        courses.push(t + minute * 60, &[reading("t", 20.0)]);
    }
    memory.keep_courses(&courses.unsaved(t + 1_800)).expect("kept");
    let mut courses = Courses::resume(&memory, t + 1_900).expect("resumed");
    for minute in 32..90 {
        courses.push(t + minute * 60, &[reading("t", 22.0)]);
    }
    memory.keep_courses(&courses.unsaved(t + 5_400)).expect("kept");
    let courses = Courses::resume(&memory, t + 86_400).expect("resumed");
    let span = Span {
        from: t,
        step: 60,
        steps: 92,
    };
    let points = ask(&courses, &memory, "t", span);
    let means: Vec<_> = points.iter().map(|p| p.map_or(0.0, |p| p.mean)).collect();
    assert_eq!(means[..30], [20.0; 30]);
    assert_eq!(means[30..32], [0.0; 2]);
    assert_eq!(means[32..90], [22.0; 58]);
    assert_eq!(means[90..], [0.0; 2]);
}

#[test]
fn courses_are_bounded_and_what_fell_silent_gives_way() {
    let (_folder, memory) = memory();
    let mut courses = Courses::default();
    let t = 1_700_000_000;
    for n in 0..COURSES_MAX + 20 {
        courses.push(t, &[reading(&format!("t{n}"), 1.0)]);
    }
    assert_eq!(courses.rings.len(), COURSES_MAX);
    memory.keep_courses(&courses.unsaved(t)).expect("kept");
    let number = courses.rings.get("t0").expect("the first").number;
    for n in 1..COURSES_MAX {
        courses.push(t + FORGOTTEN, &[reading(&format!("t{n}"), 1.0)]);
    }
    courses.push(t + FORGOTTEN, &[reading("new", 5.0)]);
    assert!(!courses.has("t0") && courses.has("new"));
    assert_eq!(courses.rings.get("new").expect("the new one").number, number);
    memory.keep_courses(&courses.unsaved(t + FORGOTTEN)).expect("kept");
    // what the one before left under the number is gone
    let old = ChunkKey {
        grain: Grain::Minute,
        chunk: t / 3_600,
        number,
    };
    assert_eq!(memory.chunk(old).expect("read"), None);
    assert_eq!(memory.labels().expect("read").known.len(), COURSES_MAX);
}

#[test]
fn what_is_too_old_goes() {
    let (_folder, memory) = memory();
    let mut courses = Courses::default();
    let t = 1_700_000_000;
    courses.push(t, &[reading("t", 1.0)]);
    memory.keep_courses(&courses.unsaved(t)).expect("kept");
    let key = |grain: Grain| ChunkKey {
        grain,
        chunk: t / grain.step() / grain.slots(),
        number: 0,
    };
    assert!(memory.chunk(key(Grain::Minute)).expect("read").is_some());
    let later = t + Grain::Minute.kept() + 7_200;
    let mut fresh = Courses::resume(&memory, later).expect("resumed");
    fresh.push(later, &[reading("t", 2.0)]);
    memory.keep_courses(&fresh.unsaved(later)).expect("kept");
    assert_eq!(memory.chunk(key(Grain::Minute)).expect("read"), None);
    assert!(memory.chunk(key(Grain::Hour)).expect("read").is_some());
}

proptest! {
    // each case writes files
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Minutes are what a list of all values says, whenever it is written and resumed.
    #[test]
    fn minutes_are_those_of_a_list(
        steps in proptest::collection::vec((1u64..400, 0i32..100, proptest::bool::weighted(0.05)), 1..150),
    ) {
        let (_folder, memory) = memory();
        let begin = 1_700_000_000 / 3_600 * 3_600;
        let mut now = begin;
        let mut all: Vec<(u64, f64)> = Vec::new();
        let mut courses = Courses::default();
        for (step, value, restart) in steps {
            now += step;
            if restart {
                // an orderly stop is at the end of a minute at the earliest, or its first values are lost
                now = now / 60 * 60 + 60;
                memory.keep_courses(&courses.unsaved(now)).expect("kept");
                courses = Courses::resume(&memory, now).expect("resumed");
            }
            courses.push(now, &[reading("t", f64::from(value))]);
            all.push((now, f64::from(value)));
        }
        memory.keep_courses(&courses.unsaved(now)).expect("kept");
        let span = Span { from: begin, step: 60, steps: (now - begin) / 60 + 1 };
        let points = ask(&courses, &memory, "t", span);
        for (minute, point) in points.iter().enumerate() {
            let from = begin + 60 * minute as u64;
            let values: Vec<f64> = all.iter().filter(|(at, _)| (from..from + 60).contains(at)).map(|(_, v)| *v).collect();
            let naive = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
            match (point, naive) {
                (None, None) => {}
                (Some(point), Some(mean)) => prop_assert!((f64::from(point.mean) - mean).abs() < 1e-3),
                other => prop_assert!(false, "{other:?} at {minute}"),
            }
        }
    }
}

#[test]
fn labels_are_read_by_the_release_before_and_its_own_are_read() {
    /// As the first release had it.
    #[derive(Deserialize)]
    struct First {
        id: String,
        name: String,
        unit: Unit,
        last: u64,
    }
    let label = Label {
        id: "bmc/1".to_owned(),
        name: Text {
            zh: "功率".to_owned(),
            en: "power".to_owned(),
        },
        unit: Unit::Watt,
        last: 7,
    };
    let json = serde_json::to_string(&label).expect("written");
    let first: First = serde_json::from_str(&json).expect("read by the release before");
    assert_eq!(
        (first.id.as_str(), first.name.as_str(), first.unit, first.last),
        ("bmc/1", "power", Unit::Watt, 7)
    );
    assert_eq!(serde_json::from_str::<Label>(&json).expect("read"), label);
    let before = json.replace(",\"zh\":\"功率\"", "");
    assert_ne!(before, json);
    let read: Label = serde_json::from_str(&before).expect("the one before is read");
    assert_eq!((read.name.zh.as_str(), read.name.en.as_str()), ("power", "power"));
}

#[test]
fn the_number_of_a_label_that_cannot_be_read_is_not_given_again() {
    let (_folder, memory) = memory();
    let t = 1_700_000_000;
    let mut courses = Courses::default();
    courses.push(t, &[reading("a", 1.0), reading("b", 2.0)]);
    memory.keep_courses(&courses.unsaved(t)).expect("kept");
    let number = courses.rings.get("a").expect("the first").number;
    memory.keep_label(number, b"{\"of\":\"a later release\"}");
    let mut courses = Courses::resume(&memory, t + 60).expect("resumed");
    assert!(!courses.has("a") && courses.has("b"));
    courses.push(t + 60, &[reading("new", 3.0)]);
    assert_ne!(courses.rings.get("new").expect("the new one").number, number);
}
