(function () {
	var box = document.getElementById('filter'), text = document.getElementById('ft');
	var bad = document.getElementById('fb'), all = [];
	document.querySelectorAll('.matrix tbody tr, .res').forEach(function (e) {
		var name = e.querySelector('.rn, .nm');
		all.push([e, (name ? name.textContent : '').toLowerCase(),
			e.classList.contains('good') || e.classList.contains('passed') || e.classList.contains('skipped')]);
	});
	function go() {
		var want = text.value.toLowerCase();
		all.forEach(function (a) {
			a[0].hidden = a[1].indexOf(want) < 0 || (bad.checked && a[2]);
		});
	}
	text.addEventListener('input', go);
	bad.addEventListener('change', go);
	box.hidden = false;
	go();
})();
